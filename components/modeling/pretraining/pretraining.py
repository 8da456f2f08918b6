"""The loop of masked-language-model training: epochs, held-out perplexity, and going on after an interruption."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from components.core.errors import StageError, StoppedError
from components.core.progress import Progress
from components.modeling.pretraining.corpus import Corpus
from components.modeling.pretraining.masked_language_model import MaskedLanguageModel
from components.modeling.pretraining.masking import Masker
from components.modeling.training.adamw import AdamW
from components.modeling.training.checkpoints import Checkpoints, Snapshot
from components.modeling.training.distribution import Distribution
from components.modeling.training.meter import Meter
from components.modeling.training.schedule import WarmupLinearDecay
from components.modeling.training.stop_request import StopRequest
from components.modeling.training.tracking.training_log import TrainingLog

if TYPE_CHECKING:
    from components.pretrainer import PretrainerConfig

__all__ = ["Pretraining", "PretrainingEpoch", "history"]

_STEPS_BETWEEN_REPORTS = 10
_HEAD_SHARE = 0.1
_HEAD_LEARNING_RATE = 1e-3
_HELD_OUT, _HEAD = 0, 1
"""Streams of random numbers beside those of the epochs."""


@dataclass(frozen=True)
class PretrainingEpoch:
    """What is known of an epoch at its end.

    Attributes:
        epoch: its number, from 1; 0 is before the encoder was changed.
        loss: mean cross-entropy of hidden tokens while training, nats; None for epoch 0.
        perplexity: e to the mean cross-entropy of the hidden tokens of the held-out texts, the same ones each time.
        examples_per_second: throughput of the steps; None for epoch 0.
    """

    epoch: int
    loss: float | None
    perplexity: float
    examples_per_second: float | None


@dataclass
class _State:
    """Where a training is, beside its variables: the epochs that are over, and the steps of the one that is not."""

    epochs: list[PretrainingEpoch] = field(default_factory=list)
    step: int = 0
    meter: Meter = field(default_factory=Meter)

    def snapshot(self) -> Snapshot:
        epochs = [asdict(epoch) for epoch in self.epochs]
        return Snapshot({"epochs": epochs, "step": self.step, "meter": self.meter.state()}, {})

    @classmethod
    def of(cls, snapshot: Snapshot) -> "_State":
        document = snapshot.document
        epochs = [PretrainingEpoch(**epoch) for epoch in document["epochs"]]
        return cls(epochs, document["step"], Meter.resumed(document["meter"]))


class Pretraining:
    """Trains an encoder to guess hidden tokens.

    Args:
        model: the encoder and its head.
        is_head_new: whether the head has to learn alone before the encoder may change: its first gradients would undo
            what the encoder knows.
        masker: what hides tokens.
        train: texts that are read.
        held_out: texts that are not.
        config: the Pretrainer's settings.
        log: where the curves go.
        checkpoint_dir: where the state is kept for the case of an interruption; None keeps none.
        progress: who is told.
    """

    def __init__(
        self,
        model: MaskedLanguageModel,
        *,
        is_head_new: bool,
        masker: Masker,
        train: Corpus,
        held_out: Corpus,
        config: "PretrainerConfig",
        log: TrainingLog,
        checkpoint_dir: Path | None,
        progress: Progress,
    ) -> None:
        self._model = model
        self._is_head_new = is_head_new
        self._masker = masker
        self._train = train
        self._held_out = [
            masker.hide(held_out.take(rows), np.random.default_rng((config.seed, _HELD_OUT, number)))
            for number, rows in enumerate(held_out.batches_by_length(config.batch_size))
        ]
        self._config = config
        self._log = log
        self._progress = progress
        self._steps_per_epoch = -(-len(train) // config.batch_size)
        self._total_steps = config.epochs * self._steps_per_epoch
        self._optimizer = self._make_optimizer(
            model.trainable_variables, peak=config.learning_rate, steps=self._total_steps
        )
        self._step = model.step(model.trainable_variables, self._optimizer)
        self._checkpoints = Checkpoints(
            checkpoint_dir,
            config.checkpoints,
            variables={
                "model": [variable.value for variable in model.variables],
                "optimizer": list(self._optimizer.variables),
            },
            distribution=Distribution(),
            logs_dir=log.directory,
        )

    def run(self) -> list[PretrainingEpoch]:
        """Trains to the last epoch, from where an earlier training stopped if that left a checkpoint.

        Raises:
            StageError: the loss is no longer a number.
            StoppedError: SIGTERM or Ctrl-C came; the state is saved.
        """
        state = self._start()
        with StopRequest(held_back=self._checkpoints.are_kept) as stop:
            while len(state.epochs) <= self._config.epochs:
                self._train_epoch(state, stop)
                self._finish_epoch(state, state.meter.total.loss, state.meter.total.examples_per_second)
        return state.epochs

    def _start(self) -> _State:
        snapshot = self._checkpoints.restore()
        if snapshot is not None:
            state = _State.of(snapshot)
            self._progress.log(f"goes on after step {self._steps_done(state)} of {self._total_steps}")
            return state
        if self._is_head_new:
            self._teach_head()
        state = _State()
        self._finish_epoch(state, None, None)
        return state

    def _teach_head(self) -> None:
        steps = math.ceil(_HEAD_SHARE * self._total_steps)
        variables = self._model.head_variables
        optimizer = self._make_optimizer(variables, peak=_HEAD_LEARNING_RATE, steps=steps)
        step, meter, done, number = self._model.step(variables, optimizer), Meter(), 0, 0
        while done < steps:
            number += 1
            random = np.random.default_rng((self._config.seed, _HEAD, number))
            for rows in self._train.batches(self._config.batch_size, random):
                meter.add(step(self._masker.hide(self._train.take(rows), random)), examples=len(rows))
                done += 1
                if done % _STEPS_BETWEEN_REPORTS == 0 or done == steps:
                    self._report("a new head for hidden tokens", meter, done, steps)
                if done == steps:
                    break

    def _make_optimizer(self, variables: Sequence[keras.Variable], *, peak: float, steps: int) -> AdamW:
        warmup_steps = math.floor(self._config.warmup * steps)
        return AdamW(
            variables,
            learning_rate=WarmupLinearDecay(peak=peak, warmup_steps=warmup_steps, total_steps=steps),
            weight_decay=self._config.weight_decay,
            clip_norm=self._config.clip_norm,
        )

    def _steps_done(self, state: _State) -> int:
        return max(len(state.epochs) - 1, 0) * self._steps_per_epoch + state.step

    def _train_epoch(self, state: _State, stop: StopRequest) -> None:
        number, config = len(state.epochs), self._config
        if not state.step:
            state.meter = Meter()
        order = self._train.batches(config.batch_size, np.random.default_rng((config.seed, 1 + number)))
        for position, rows in enumerate(order):
            if position < state.step:
                continue
            random = np.random.default_rng((config.seed, 1 + number, position))
            batch = self._masker.hide(self._train.take(rows), random)
            state.meter.add(self._step(batch), examples=len(rows))
            state.step += 1
            done = self._steps_done(state)
            if state.step % _STEPS_BETWEEN_REPORTS == 0 or state.step == self._steps_per_epoch:
                loss = self._report(f"epoch {number}/{config.epochs}", state.meter, done, self._total_steps)
                rate = self._optimizer.current_learning_rate()
                self._log.write(done, hidden_token_loss=loss, learning_rate=rate)
            if stop.came or self._checkpoints.is_due(done):
                self._save(state)
            if stop.came:
                raise StoppedError(f"{stop.came} came, the state after step {done} is saved")

    def _finish_epoch(self, state: _State, loss: float | None, examples_per_second: float | None) -> None:
        perplexity = self._model.perplexity(self._held_out)
        number, total = len(state.epochs), self._config.epochs
        state.epochs.append(PretrainingEpoch(number, loss, perplexity, examples_per_second))
        state.step = 0
        self._log.write(number * self._steps_per_epoch, perplexity=perplexity)
        what = "before" if loss is None else f"epoch {number}/{total}: loss {loss:.3f}"
        self._progress.log(f"{what}, perplexity {perplexity:.1f}")
        self._save(state)

    def _save(self, state: _State) -> None:
        self._log.flush()
        self._checkpoints.save(self._steps_done(state), state.snapshot())

    def _report(self, what: str, meter: Meter, completed: int, total: int) -> float:
        """Tells how it goes; returns the loss since the last time."""
        recent = meter.read()
        if not math.isfinite(recent.loss):
            raise StageError(
                f"{what}, step {completed}: the loss is no longer a number; lower pretrainer.learning_rate (now "
                f"{self._config.learning_rate:g}) or set pretrainer.precision to float32"
            )
        message = f"{what}  loss {recent.loss:.3f}  {recent.examples_per_second:.0f} examples/s"
        self._progress.update(message, completed=completed, total=total)
        return recent.loss


def history(epochs: Sequence[PretrainingEpoch]) -> dict[str, Any]:
    """The part of `pretraining.json` that a training tells."""
    return {"epochs": [asdict(epoch) for epoch in epochs]}
