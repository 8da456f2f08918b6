"""The training loop: epochs, validation with tuned thresholds, early stopping, and what is told and logged of it."""

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from numpy.typing import NDArray

from components.core.errors import StageError
from components.core.progress import Progress
from components.evaluation.metrics import Counts
from components.evaluation.thresholds import tune_thresholds
from components.modeling.adamw import AdamW
from components.modeling.dataset import TokenDataset
from components.modeling.meter import Meter
from components.modeling.schedule import WarmupLinearDecay
from components.modeling.scorer import Scorer
from components.modeling.training_log import TrainingLog
from components.modeling.training_step import TrainingStep

if TYPE_CHECKING:
    from components.trainer import TrainerConfig

__all__ = ["Epoch", "Training", "TrainingResult"]

_STEPS_BETWEEN_REPORTS = 10
_SCORING_BATCH_SIZE = 64


@dataclass(frozen=True)
class Epoch:
    """What is known of an epoch at its end.

    Attributes:
        epoch: its number, from 1.
        loss: mean training loss.
        validation_loss: mean binary cross-entropy on the validation split.
        validation_macro_f1: macro-F1 0-1 on the validation split, with thresholds tuned on it.
        examples_per_second: throughput of its steps.
    """

    epoch: int
    loss: float
    validation_loss: float
    validation_macro_f1: float
    examples_per_second: float


@dataclass(frozen=True)
class TrainingResult:
    """What came out; the weights of the best epoch are in the network.

    Attributes:
        epochs: those that were run.
        best: the one with the highest validation macro-F1.
        thresholds: float32 [labels], tuned on the best epoch's validation scores.
    """

    epochs: tuple[Epoch, ...]
    best: Epoch
    thresholds: NDArray[np.float32]

    @property
    def examples_per_second(self) -> float:
        """Mean throughput of the training steps; validation is not counted."""
        return len(self.epochs) / sum(1 / epoch.examples_per_second for epoch in self.epochs)

    def history(self) -> dict[str, Any]:
        """The content of `training.json`."""
        return {
            "epochs": [asdict(epoch) for epoch in self.epochs],
            "best_epoch": self.best.epoch,
            "examples_per_second": self.examples_per_second,
        }


class Training:
    """Trains a network on a split and chooses its best epoch on another.

    Args:
        network: the network to be trained, in any precision.
        scoring_network: a network of the same variables that computes in float32, as the model will be served; it may
            be `network` itself.
        train: the training split.
        validation: the split that thresholds are tuned on.
        config: the Trainer's settings.
        log: where the curves go.
        progress: who is told.
    """

    def __init__(
        self,
        *,
        network: keras.Model,
        scoring_network: keras.Model,
        train: TokenDataset,
        validation: TokenDataset,
        config: "TrainerConfig",
        log: TrainingLog,
        progress: Progress,
    ) -> None:
        self._network = network
        self._scoring_network = scoring_network
        self._train = train
        self._validation = validation
        self._config = config
        self._log = log
        self._progress = progress
        self._scorer = Scorer(scoring_network)
        self._steps_per_epoch = train.batches_per_epoch(config.batch_size)
        self._total_steps = config.epochs * self._steps_per_epoch
        self._optimizer = AdamW(
            network.trainable_variables,
            learning_rate=WarmupLinearDecay(
                peak=config.learning_rate,
                warmup_steps=math.floor(config.warmup * self._total_steps),
                total_steps=self._total_steps,
            ),
            weight_decay=config.weight_decay,
            clip_norm=config.clip_norm,
        )
        self._step = TrainingStep(network, self._optimizer, label_smoothing=config.label_smoothing)

    def run(self) -> TrainingResult:
        """Trains until the last epoch, or until `early_stopping_patience` epochs brought nothing better.

        Raises:
            StageError: the loss is no longer a number.
        """
        epochs: list[Epoch] = []
        best: tuple[Epoch, NDArray[np.float32], list[NDArray[np.float32]]] | None = None
        for number in range(1, self._config.epochs + 1):
            meter = self._train_epoch(number)
            epoch, thresholds = self._validate(number, meter)
            epochs.append(epoch)
            if best is None or epoch.validation_macro_f1 > best[0].validation_macro_f1:
                best = epoch, thresholds, self._network.get_weights()
            elif self._is_patience_over(number - best[0].epoch):
                self._progress.log(f"nothing better since epoch {best[0].epoch}: stopped early")
                break
        assert best is not None
        self._network.set_weights(best[2])
        return TrainingResult(tuple(epochs), best[0], best[1])

    def _is_patience_over(self, epochs_without_gain: int) -> bool:
        patience = self._config.early_stopping_patience
        return patience is not None and epochs_without_gain >= patience

    def _train_epoch(self, number: int) -> Meter:
        config = self._config
        meter = Meter()
        steps_before = (number - 1) * self._steps_per_epoch
        batches = self._train.training_batches(config.batch_size, seed=config.seed, epoch=number)
        for step, batch in enumerate(batches, start=1):
            meter.add(self._step(batch), examples=len(batch.weights))
            if step % _STEPS_BETWEEN_REPORTS == 0 or step == self._steps_per_epoch:
                self._report(number, steps_before + step, meter)
        return meter

    def _report(self, number: int, step: int, meter: Meter) -> None:
        recent = meter.read()
        if not math.isfinite(recent.loss):
            raise StageError(
                f"epoch {number}, step {step}: the loss is no longer a number; lower trainer.learning_rate "
                f"(now {self._config.learning_rate:g}) or set trainer.precision to float32"
            )
        self._log.write(
            step,
            loss=recent.loss,
            examples_per_second=recent.examples_per_second,
            learning_rate=self._optimizer.current_learning_rate(),
        )
        self._progress.update(
            f"epoch {number}/{self._config.epochs}  loss {recent.loss:.4f}  "
            f"{recent.examples_per_second:.0f} examples/s",
            completed=step,
            total=self._total_steps,
        )

    def _validate(self, number: int, meter: Meter) -> tuple[Epoch, NDArray[np.float32]]:
        """Scores the validation split and tunes the thresholds on it."""
        step = number * self._steps_per_epoch
        message = f"epoch {number}/{self._config.epochs}  validating"
        self._progress.update(message, completed=step, total=self._total_steps)
        if self._scoring_network is not self._network:
            self._scoring_network.set_weights(self._network.get_weights())
        targets = self._validation.targets
        scores = self._scorer.scores(
            self._validation.rows(),
            segments=self._validation.segment_rows(),
            batch_size=_SCORING_BATCH_SIZE,
        )
        thresholds = tune_thresholds(scores, targets)
        epoch = Epoch(
            epoch=number,
            loss=meter.total.loss,
            validation_loss=_cross_entropy(scores, targets),
            validation_macro_f1=Counts.of(scores >= thresholds, targets).macro_f1,
            examples_per_second=meter.total.examples_per_second,
        )
        self._log.write(
            step, validation_loss=epoch.validation_loss, validation_macro_f1=epoch.validation_macro_f1
        )
        self._progress.log(
            f"epoch {number}/{self._config.epochs}: loss {epoch.loss:.4f}, validation loss "
            f"{epoch.validation_loss:.4f}, macro-F1 {epoch.validation_macro_f1:.3f}"
        )
        return epoch, thresholds


def _cross_entropy(scores: NDArray[np.float32], targets: NDArray[np.uint8]) -> float:
    """Mean binary cross-entropy, of scores kept away from 0 and 1 as float32 rounds to them."""
    inside = np.clip(scores.astype(np.float64), 1e-7, 1 - 1e-7)
    return float(-np.where(targets == 1, np.log(inside), np.log1p(-inside)).mean())
