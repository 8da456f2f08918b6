"""What a training came to."""

from dataclasses import asdict, dataclass
from typing import Any

from components.modeling.training.learned import Learned

__all__ = ["Epoch", "TrainingResult"]


@dataclass(frozen=True)
class Epoch:
    """What is known of an epoch at its end.

    Attributes:
        epoch: its number, from 1.
        loss: mean training loss.
        validation_loss: mean loss on the validation split, without what is configured against imbalance.
        validation_metric: what the gate uses (`components.modeling.training.validation`), with thresholds tuned on
            the same split.
        validation_by_head: the same of each head, by name.
        examples_per_second: throughput of its steps.
        tokens_per_second: the same in tokens, padding not counted.
        input_share: share of their time, 0-1, in which the next batch was waited for.
    """

    epoch: int
    loss: float
    validation_loss: float
    validation_metric: float
    validation_by_head: dict[str, float]
    examples_per_second: float
    tokens_per_second: float
    input_share: float


@dataclass(frozen=True)
class TrainingResult:
    """What came out; the weights of the best epoch are in the float32 network.

    Attributes:
        epochs: those that were run.
        best: the best one by what early stopping watches.
        metric: the metric's name.
        learned: calibration and thresholds, from the best epoch's validation scores.
        trained_parameters: numbers in the variables that were trained.
        all_parameters: numbers in all weights of the network.
    """

    epochs: tuple[Epoch, ...]
    best: Epoch
    metric: str
    learned: Learned
    trained_parameters: int
    all_parameters: int

    @property
    def trained_share(self) -> float:
        """Share of the network's parameters that was trained, 0-1; low-rank additions count as trained."""
        return self.trained_parameters / self.all_parameters

    @property
    def examples_per_second(self) -> float:
        """Mean throughput of the training steps; validation is not counted."""
        return len(self.epochs) / sum(1 / epoch.examples_per_second for epoch in self.epochs)

    def history(self) -> dict[str, Any]:
        """The content of `training.json`."""
        return {
            "epochs": [asdict(epoch) for epoch in self.epochs],
            "best_epoch": self.best.epoch,
            "metric": self.metric,
            "examples_per_second": self.examples_per_second,
            "trained_parameters": self.trained_parameters,
            "all_parameters": self.all_parameters,
        }
