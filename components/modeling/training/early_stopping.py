"""Which epoch is the best, and when training stops because none is better any more."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import Field

from components.core.config import Config

__all__ = ["EarlyStopping", "EarlyStoppingConfig"]

_GATE = "gate"
_LOSS = "loss"


class EarlyStoppingConfig(Config):
    """What is watched at the end of every epoch. The best epoch's weights are kept in any case."""

    metric: str = _GATE
    """`gate`: what the Evaluator's gate uses, macro-F1 with thresholds tuned on the same split or for numbers Pearson's
    r, the mean over heads; `loss`: the validation loss; or the name of a head, for its own metric."""

    patience: int | None = Field(default=2, ge=1)
    """Training stops after this many epochs without a gain; None never stops early."""

    min_delta: float = Field(default=0.0, ge=0)
    """A gain is more than this above the last gain. The best epoch may lie among smaller ones."""

    def check_fits(self, heads: Iterable[str]) -> None:
        """Compares the metric with the names of the model's heads.

        Raises:
            ValueError: it is none that is measured.
        """
        known = (_GATE, _LOSS, *heads)
        if self.metric not in known:
            raise ValueError(f"early_stopping.metric is {self.metric!r}, but measured are {', '.join(known)}")


@dataclass(frozen=True)
class EarlyStopping:
    """The judgements; they are functions of what was measured, so that nothing has to be saved.

    Attributes:
        config: as set.
    """

    config: EarlyStoppingConfig

    def value(self, *, metric: float, loss: float, by_head: Mapping[str, float]) -> float:
        """What is watched, higher for better weights; what is no number is the worst."""
        watched = {**by_head, _GATE: metric, _LOSS: -loss}[self.config.metric]
        return -math.inf if math.isnan(watched) else watched

    def best(self, values: Sequence[float]) -> int:
        """Position of the best epoch, the first of equals."""
        return max(range(len(values)), key=values.__getitem__)

    def is_over(self, values: Sequence[float]) -> bool:
        """Whether patience has run out, given the values of all epochs so far."""
        if self.config.patience is None:
            return False
        reference, gained = -math.inf, 0
        for position, value in enumerate(values):
            if value > reference + self.config.min_delta:
                reference, gained = value, position
        return len(values) - 1 - gained >= self.config.patience
