"""The training loop: epochs, validation with tuned thresholds, early stopping, and what is told and logged of it."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np
from numpy.typing import NDArray

from components.core.errors import ConfigError, StageError, StoppedError
from components.core.progress import Progress
from components.data.records.read_ahead import one_ahead
from components.modeling.dataset import TokenDataset
from components.modeling.heads import Head, output_names
from components.modeling.scorer import Scorer
from components.modeling.training.adamw import AdamW
from components.modeling.training.batching import Batches, Step
from components.modeling.training.batching_config import NEEDS_STATIC_SHAPES
from components.modeling.training.checkpoints import Checkpoints
from components.modeling.training.configured_loss import configured_loss
from components.modeling.training.distribution import Distribution
from components.modeling.training.early_stopping import EarlyStopping
from components.modeling.training.lora import plain_weights
from components.modeling.training.meter import Meter
from components.modeling.training.regularization.augmentation import Augmentation
from components.modeling.training.regularization.regularizer import regularized
from components.modeling.training.result import Epoch, TrainingResult
from components.modeling.training.schedule import WarmupLinearDecay
from components.modeling.training.state import TrainingState
from components.modeling.training.step import TrainingStep
from components.modeling.training.stop_request import StopRequest
from components.modeling.training.tracking.training_log import TrainingLog
from components.modeling.training.trainable import plan_training
from components.modeling.training.validation import Validation, metric_name, validate

if TYPE_CHECKING:
    from components.trainer import TrainerConfig

__all__ = ["Training"]

_STEPS_BETWEEN_REPORTS = 10


class Training:
    """Trains a network on a split and chooses its best epoch on another.

    Args:
        network: the network to be trained, in any precision; it gives the logits of `heads`.
        float32_network: the same network without low-rank additions, which computes in float32, as the model will be
            served; it may be `network` itself.
        heads: what the network answers.
        train: the training split.
        validation: the split that thresholds are tuned on.
        config: the Trainer's settings.
        log: where the curves go.
        progress: who is told.
        augmentation: changes the training texts.
        distribution: the devices that share each step, in whose scope the network was made; one by default.
        checkpoint_dir: where the state is kept, and found again after an interruption; None keeps none.
        on_epoch: is told of every epoch at its end; what it raises ends the training.
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
        distribution: Distribution | None = None,
        checkpoint_dir: Path | None = None,
        on_epoch: Callable[[Epoch], None] | None = None,
    ) -> None:
        self._devices = distribution or Distribution()
        self._on_epoch = on_epoch
        self._network = network
        self._float32_network = float32_network
        self._heads = tuple(heads)
        self._train = train
        self._validation = validation
        self._config = config
        self._log = log
        self._progress = progress
        self._early_stopping = EarlyStopping(config.early_stopping)
        self._scorer = Scorer(float32_network, heads)
        self._batches = Batches(
            train,
            config.batching,
            batch_size=config.batch_size,
            seed=config.seed,
            replicas=self._devices.replicas,
            augment=augmentation,
        )
        self._epoch_starts = np.cumsum(
            [0, *(self._batches.steps(1 + epoch) for epoch in range(config.epochs))]
        )
        self._total_steps = int(self._epoch_starts[-1])
        _check_shapes(config, self._devices, self._total_steps)
        batches_per_step = self._devices.replicas * config.batching.gradient_accumulation
        self._plan = plan_training(
            network, config.trainable, epochs=config.epochs, total_steps=self._total_steps
        )
        with self._devices.scope():
            self._optimizer = AdamW(
                self._plan.variables,
                learning_rate=WarmupLinearDecay(
                    peak=config.learning_rate * config.distribution.learning_rate_factor(batches_per_step),
                    warmup_steps=math.floor(config.warmup * self._total_steps),
                    total_steps=self._total_steps,
                ),
                weight_decay=config.weight_decay,
                clip_norm=config.clip_norm,
                rates=self._plan.rates,
                first_steps=self._plan.first_steps,
            )
            variables = [variable.value for variable in self._plan.variables]
            regular = regularized(
                config.regularization,
                network=network,
                heads=heads,
                loss=configured_loss(config, heads, train),
                loss_weights={name: head.loss_weight for name, head in config.heads.items()},
                variables=variables,
            )
        self._average = regular.average
        self._step = TrainingStep(
            regular.objective,
            variables,
            self._optimizer,
            outputs=len(output_names(heads)) * (1 if train.answers is None else 2),
            gradients=regular.gradients,
            average=regular.average,
            distribution=self._devices,
            accumulation=config.batching.gradient_accumulation,
            first_steps=self._plan.first_steps,
        )
        self._checkpoints = Checkpoints(
            checkpoint_dir,
            config.checkpoints,
            # Keras's own random states are among the network's variables.
            variables={
                "network": [variable.value for variable in network.variables],
                "optimizer": list(self._optimizer.variables),
                "average": [] if regular.average is None else list(regular.average.variables),
            },
            distribution=self._devices,
            logs_dir=log.directory,
        )

    def run(self) -> TrainingResult:
        """Trains until the last epoch, or until the patience of early stopping is over.

        Goes on where an earlier training stopped, if that left a checkpoint.

        Raises:
            StageError: the loss is no longer a number.
            StoppedError: SIGTERM or Ctrl-C came; the state is saved.
        """
        state = self._start()
        with StopRequest(held_back=self._checkpoints.are_kept) as stop:
            while not self._is_over(state):
                self._train_epoch(state, stop)
                self._finish_epoch(state)
                self._save(state)
                if self._on_epoch is not None:
                    self._on_epoch(state.epochs[-1])
        assert state.learned is not None
        self._float32_network.set_weights(state.weights)
        return TrainingResult(
            tuple(state.epochs),
            state.epochs[state.best],
            metric_name(self._heads),
            state.learned,
            trained_parameters=self._plan.parameters,
            all_parameters=self._plan.all_parameters,
        )

    def _start(self) -> TrainingState:
        snapshot = self._checkpoints.restore()
        self._devices.part_random_states(self._network)
        if snapshot is None:
            return TrainingState()
        state = TrainingState.of(snapshot)
        self._progress.log(f"goes on after step {self._steps_done(state)} of {self._total_steps}")
        return state

    def _steps_done(self, state: TrainingState) -> int:
        return int(self._epoch_starts[len(state.epochs)]) + state.step

    def _save(self, state: TrainingState) -> None:
        self._log.flush()
        self._checkpoints.save(self._steps_done(state), state.snapshot())

    def _is_over(self, state: TrainingState) -> bool:
        if len(state.epochs) == self._config.epochs:
            return True
        if not self._early_stopping.is_over(self._watched(state)):
            return False
        self._progress.log(f"nothing better since epoch {state.best + 1}: stopped early")
        return True

    def _train_epoch(self, state: TrainingState, stop: StopRequest) -> None:
        number = len(state.epochs) + 1
        last = self._epoch_starts[number] - self._epoch_starts[number - 1]
        if not state.step:
            state.meter = Meter()
        for step, waited in _timed(one_ahead(self._batches.epoch(number, start=state.step))):
            state.meter.add(self._step(step), examples=step.examples, tokens=step.tokens, waited=waited)
            state.step += 1
            if state.step % _STEPS_BETWEEN_REPORTS == 0 or state.step == last:
                self._report(number, self._steps_done(state), state.meter)
            self._save_if_due(state, stop)

    def _save_if_due(self, state: TrainingState, stop: StopRequest) -> None:
        """Saves where it is time for it, or where the process is to stop: then the training ends here."""
        done = self._steps_done(state)
        is_asked = self._devices.is_alone or state.step % _STEPS_BETWEEN_REPORTS == 0
        must_stop = is_asked and self._devices.any(bool(stop.came))
        if must_stop or self._checkpoints.is_due(done):
            self._save(state)
        if must_stop:
            raise StoppedError(f"{stop.came or 'a signal'} came, the state after step {done} is saved")

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
            tokens_per_second=recent.tokens_per_second,
            input_share=recent.input_share,
            gradient_norm=self._optimizer.last_gradient_norm(),
            learning_rate=self._optimizer.current_learning_rate(),
        )
        self._progress.update(
            f"epoch {number}/{self._config.epochs}  loss {recent.loss:.4f}  "
            f"{recent.examples_per_second:.0f} examples/s",
            completed=step,
            total=self._total_steps,
        )

    def _finish_epoch(self, state: TrainingState) -> None:
        """Scores the validation split, tunes the thresholds on it, and keeps the weights if they are the best."""
        number, step = len(state.epochs) + 1, self._steps_done(state)
        message = f"epoch {number}/{self._config.epochs}  validating"
        self._progress.update(message, completed=step, total=self._total_steps)
        weights = self._averaged_weights()
        validation = self._validate(weights)
        measured = state.meter.total
        epoch = Epoch(
            epoch=number,
            loss=measured.loss,
            validation_loss=validation.loss,
            validation_metric=validation.metric,
            validation_by_head=validation.by_head,
            examples_per_second=measured.examples_per_second,
            tokens_per_second=measured.tokens_per_second,
            input_share=measured.input_share,
        )
        self._tell(step, epoch, validation)
        state.epochs.append(epoch)
        state.step = 0
        state.best = self._early_stopping.best(self._watched(state))
        if state.best == number - 1:
            state.learned, state.weights = validation.learned, weights

    def _watched(self, state: TrainingState) -> list[float]:
        """By epoch, what early stopping watches."""
        return [
            self._early_stopping.value(
                metric=epoch.validation_metric, loss=epoch.validation_loss, by_head=epoch.validation_by_head
            )
            for epoch in state.epochs
        ]

    def _averaged_weights(self) -> list[NDArray[np.float32]]:
        """What is validated and kept, as weights of the float32 network: those of now, or their average."""
        weights = plain_weights(self._network)
        if self._average is None:
            return weights
        metric = 0.0
        if self._average.by_metric:
            plain = self._validate(weights)
            metric = self._early_stopping.value(metric=plain.metric, loss=plain.loss, by_head=plain.by_head)
        self._average.add(metric)
        averages = dict(zip(map(id, self._plan.variables), self._average.values(), strict=True))
        return plain_weights(self._network, averages)

    def _validate(self, weights: list[NDArray[np.float32]]) -> Validation:
        """Scores the validation split with these weights; the network's own stay as they are."""
        own = self._network.get_weights() if self._float32_network is self._network else None
        self._float32_network.set_weights(weights)
        found = validate(self._scorer, self._heads, self._validation, self._config)
        if own is not None:
            self._network.set_weights(own)
        # The machines of a cluster must agree on the best epoch to its last bit.
        metric, loss, *by_head = self._devices.from_chief(
            np.array([found.metric, found.loss, *found.by_head.values()])
        ).tolist()
        agreed = dict(zip(found.by_head, by_head, strict=True))
        return replace(found, metric=metric, loss=loss, by_head=agreed)

    def _tell(self, step: int, epoch: Epoch, validation: Validation) -> None:
        by_head = validation.by_head if len(self._heads) > 1 else {}
        self._log.write(
            step,
            validation_loss=epoch.validation_loss,
            validation_metric=epoch.validation_metric,
            **{f"validation_metric/{head}": value for head, value in by_head.items()},
        )
        self._log.validation(
            step, self._heads, validation.scores, validation.learned.thresholds, self._validation.targets
        )
        details = "".join(f", {head} {value:.3f}" for head, value in by_head.items())
        self._progress.log(
            f"epoch {epoch.epoch}/{self._config.epochs}: loss {epoch.loss:.4f}, validation loss "
            f"{epoch.validation_loss:.4f}, {metric_name(self._heads)} {epoch.validation_metric:.3f}{details}"
        )


def _timed(steps: Iterator[Step]) -> Iterator[tuple[Step, float]]:
    """Each step with the seconds that were waited for it."""
    while True:
        asked = time.monotonic()
        step = next(steps, None)
        if step is None:
            return
        yield step, time.monotonic() - asked


def _check_shapes(config: "TrainerConfig", devices: Distribution, total_steps: int) -> None:
    if devices.needs_static_shapes and not config.batching.has_static_shapes:
        raise ConfigError(f"trainer.batching: {NEEDS_STATIC_SHAPES}")
    if not total_steps:
        raise ConfigError(
            "trainer.batching: `last_batch: drop` drops everything, the data do not fill one batch; lower "
            "trainer.batch_size or set `pad`"
        )
