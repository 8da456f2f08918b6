"""The training loop: epochs, validation with tuned thresholds, early stopping, and what is told and logged of it."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from numpy.typing import NDArray

from components.core.errors import StageError
from components.core.progress import Progress
from components.modeling.dataset import TokenDataset
from components.modeling.heads import Head, columns, output_names
from components.modeling.losses.head_loss import head_loss
from components.modeling.losses.label_weights import LabelCounts
from components.modeling.scorer import Scorer
from components.modeling.training.adamw import AdamW
from components.modeling.training.early_stopping import EarlyStopping
from components.modeling.training.log import TrainingLog
from components.modeling.training.meter import Meter
from components.modeling.training.objective import HeadsLoss
from components.modeling.training.regularization.augmentation import Augmentation
from components.modeling.training.regularization.regularizer import regularized
from components.modeling.training.schedule import WarmupLinearDecay
from components.modeling.training.step import TrainingStep
from components.modeling.training.validation import Validation, metric_name, validate

if TYPE_CHECKING:
    from components.trainer import TrainerConfig

__all__ = ["Epoch", "Training", "TrainingResult"]

_STEPS_BETWEEN_REPORTS = 10


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
    """

    epoch: int
    loss: float
    validation_loss: float
    validation_metric: float
    validation_by_head: dict[str, float]
    examples_per_second: float


@dataclass(frozen=True)
class TrainingResult:
    """What came out; the weights of the best epoch are in the network.

    Attributes:
        epochs: those that were run.
        best: the best one by what early stopping watches.
        metric: the metric's name.
        thresholds: float32 [outputs], tuned on the best epoch's validation scores.
    """

    epochs: tuple[Epoch, ...]
    best: Epoch
    metric: str
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
            "metric": self.metric,
            "examples_per_second": self.examples_per_second,
        }


class Training:
    """Trains a network on a split and chooses its best epoch on another.

    Args:
        network: the network to be trained, in any precision; it gives the logits of `heads`.
        float32_network: a network of the same variables that computes in float32, as the model will be served; it may
            be `network` itself.
        heads: what the network answers.
        train: the training split.
        validation: the split that thresholds are tuned on.
        config: the Trainer's settings.
        log: where the curves go.
        progress: who is told.
        augmentation: changes the training texts.
    """

    def __init__(
        self,
        *,
        network: keras.Model,
        float32_network: keras.Model,
        heads: Sequence[Head],
        train: TokenDataset,
        validation: TokenDataset,
        config: "TrainerConfig",
        log: TrainingLog,
        progress: Progress,
        augmentation: Augmentation | None = None,
    ) -> None:
        self._network = network
        self._float32_network = float32_network
        self._heads = tuple(heads)
        self._train = train
        self._validation = validation
        self._config = config
        self._log = log
        self._progress = progress
        self._augmentation = augmentation
        self._early_stopping = EarlyStopping(config.early_stopping)
        self._early_stopping.check_fits([head.name for head in heads])
        self._scorer = Scorer(float32_network, heads)
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
        variables = [variable.value for variable in network.trainable_variables]
        regular = regularized(
            config.regularization,
            network=network,
            heads=heads,
            loss=_loss(config, heads, train),
            loss_weights={name: head.loss_weight for name, head in config.heads.items()},
            variables=variables,
        )
        self._average = regular.average
        self._step = TrainingStep(
            regular.objective,
            variables,
            self._optimizer,
            outputs=len(output_names(heads)),
            gradients=regular.gradients,
            average=regular.average,
        )

    def run(self) -> TrainingResult:
        """Trains until the last epoch, or until the patience of early stopping is over.

        Raises:
            StageError: the loss is no longer a number.
        """
        epochs: list[Epoch] = []
        watched: list[float] = []
        thresholds, weights = np.zeros(0, np.float32), self._network.get_weights()
        for number in range(1, self._config.epochs + 1):
            meter = self._train_epoch(number)
            averaged = self._averaged_weights()
            epoch, tuned = self._validate(number, meter, averaged)
            epochs.append(epoch)
            watched.append(self._watched(epoch))
            if self._early_stopping.best(watched) == number - 1:
                thresholds, weights = tuned, averaged
            if number < self._config.epochs and self._early_stopping.is_over(watched):
                best = self._early_stopping.best(watched) + 1
                self._progress.log(f"nothing better since epoch {best}: stopped early")
                break
        self._network.set_weights(weights)
        best_epoch = epochs[self._early_stopping.best(watched)]
        return TrainingResult(tuple(epochs), best_epoch, metric_name(self._heads), thresholds)

    def _watched(self, measured: "Epoch | Validation") -> float:
        if isinstance(measured, Validation):
            metric, loss, by_head = measured.metric, measured.loss, measured.by_head
        else:
            metric, loss = measured.validation_metric, measured.validation_loss
            by_head = measured.validation_by_head
        return self._early_stopping.value(metric=metric, loss=loss, by_head=by_head)

    def _train_epoch(self, number: int) -> Meter:
        config = self._config
        meter = Meter()
        steps_before = (number - 1) * self._steps_per_epoch
        batches = self._train.training_batches(config.batch_size, seed=config.seed, epoch=number)
        for step, batch in enumerate(batches, start=1):
            if self._augmentation is not None:
                random = np.random.default_rng((config.seed, number, step))
                batch = self._augmentation(batch, random)
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

    def _averaged_weights(self) -> list[NDArray[np.float32]]:
        """What is validated and kept, as `network.get_weights()`: the weights, or their average."""
        weights: list[NDArray[np.float32]] = self._network.get_weights()
        if self._average is None:
            return weights
        metric = self._watched(self._validation_of(weights)) if self._average.by_metric else 0.0
        self._average.add(metric)
        average = dict(zip(map(id, self._network.trainable_weights), self._average.values(), strict=True))
        return [
            average.get(id(variable), value)
            for variable, value in zip(self._network.weights, weights, strict=True)
        ]

    def _validation_of(self, weights: list[NDArray[np.float32]]) -> Validation:
        """Scores the validation split with these weights, and leaves the network's own as they are."""
        own = self._network.get_weights() if self._float32_network is self._network else None
        self._float32_network.set_weights(weights)
        validation = validate(self._scorer, self._heads, self._validation)
        if own is not None:
            self._network.set_weights(own)
        return validation

    def _validate(
        self, number: int, meter: Meter, weights: list[NDArray[np.float32]]
    ) -> tuple[Epoch, NDArray[np.float32]]:
        """Scores the validation split with these weights and tunes the thresholds on it."""
        step = number * self._steps_per_epoch
        message = f"epoch {number}/{self._config.epochs}  validating"
        self._progress.update(message, completed=step, total=self._total_steps)
        validation = self._validation_of(weights)
        epoch = Epoch(
            epoch=number,
            loss=meter.total.loss,
            validation_loss=validation.loss,
            validation_metric=validation.metric,
            validation_by_head=validation.by_head,
            examples_per_second=meter.total.examples_per_second,
        )
        self._tell(step, epoch, validation)
        return epoch, validation.thresholds

    def _tell(self, step: int, epoch: Epoch, validation: Validation) -> None:
        by_head = validation.by_head if len(self._heads) > 1 else {}
        self._log.write(
            step,
            validation_loss=epoch.validation_loss,
            validation_metric=epoch.validation_metric,
            **{f"validation_metric/{head}": value for head, value in by_head.items()},
        )
        details = "".join(f", {head} {value:.3f}" for head, value in by_head.items())
        self._progress.log(
            f"epoch {epoch.epoch}/{self._config.epochs}: loss {epoch.loss:.4f}, validation loss "
            f"{epoch.validation_loss:.4f}, {metric_name(self._heads)} {epoch.validation_metric:.3f}{details}"
        )


def _loss(config: "TrainerConfig", heads: Sequence[Head], train: TokenDataset) -> HeadsLoss:
    own = {name: head.loss for name, head in config.heads.items() if head.loss is not None}
    return HeadsLoss(
        heads,
        losses={
            head.name: head_loss(
                head,
                own.get(head.name, config.loss),
                LabelCounts.of(train.targets[:, outputs], train.weights),
            )
            for head, outputs in zip(heads, columns(heads).values(), strict=True)
        },
        loss_weights={name: head.loss_weight for name, head in config.heads.items()},
    )
