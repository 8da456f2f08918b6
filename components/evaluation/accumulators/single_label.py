"""Totals of a head of which exactly one label applies, in an order or not."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluation.accumulators.ranking import Rankings
from components.evaluation.confusion import Confusion
from components.evaluation.head_rows import HeadRows

__all__ = ["SingleLabelTotals", "log_losses"]


@dataclass
class SingleLabelTotals:
    """Accumulates what all metrics of decisions and probabilities are made of.

    Attributes:
        labels: how many.
        confusion: of the decisions.
        log_loss_sum: of `log_losses`.
        rankings: of the scores, each label against all others.
    """

    labels: int
    confusion: Confusion = field(init=False)
    log_loss_sum: float = 0.0
    rankings: Rankings = field(init=False)

    def __post_init__(self) -> None:
        self.confusion = Confusion(np.zeros((self.labels, self.labels)))
        self.rankings = Rankings(self.labels)

    @property
    def rows(self) -> int:
        """How many were taken."""
        return int(self.confusion.rows)

    def add(self, rows: HeadRows) -> None:
        """Takes what a single-label or ordinal head answered."""
        right, decided = rows.targets.argmax(axis=1), rows.decisions.argmax(axis=1)
        self.confusion += Confusion.of(right, decided, labels=self.labels)
        self.log_loss_sum += float(log_losses(rows.scores, rows.targets).sum())
        self.rankings.add(rows.scores, rows.targets)

    def merge(self, other: "SingleLabelTotals") -> None:
        """Adds what `other` has taken."""
        self.confusion += other.confusion
        self.log_loss_sum += other.log_loss_sum
        self.rankings.merge(other.rankings)

    def compact(self) -> None:
        """Makes it as small as it can be sent."""
        self.rankings.compact()


def log_losses(scores: NDArray[np.float32], targets: NDArray[Any]) -> NDArray[np.float64]:
    """Minus the natural logarithm of the probability of the right label, float64 [rows].

    Probabilities are held 1.2e-7 (what float32 tells from 0) away from 0 and 1, as scikit-learn does; NaN stays.
    """
    least = float(np.finfo(np.float32).eps)
    of_right = scores[np.arange(len(scores)), targets.argmax(axis=1)].astype(np.float64)
    losses: NDArray[np.float64] = -np.log(np.clip(of_right, least, 1 - least))
    return losses
