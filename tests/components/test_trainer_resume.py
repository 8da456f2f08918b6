"""A training that stops at any step and goes on ends as if it had never stopped, to the last bit."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from components.core.artifacts import Model, TransformedExamples, TransformGraph
from components.core.component import Scratch
from components.core.errors import StoppedError
from components.data.records.tfrecord import read_records
from components.modeling.classifier import load_model
from components.modeling.training.batching_config import BatchingConfig
from components.modeling.training.early_stopping import EarlyStoppingConfig
from components.modeling.training.regularization.settings import RegularizationConfig
from components.modeling.training.step import TrainingStep
from components.trainer import TrainerConfig, trainer
from tests.components.toy_corpus import run_transform, toy_examples

Prepared = tuple[TransformGraph, TransformedExamples]

MEASURED_TIMES = ("examples_per_second", "tokens_per_second", "input_share")

STEPS = 3 * 8
CONFIG = TrainerConfig.model_validate(
    {
        "epochs": 3,
        "batch_size": 16,
        "learning_rate": 5e-3,
        "precision": "float32",
        "dropout": 0.3,
        "encoder_dropout": 0.2,
        "checkpoints": {"every_steps": 3},
    }
)


class CrashError(Exception):
    """Stands for whatever ends a process."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    directory = tmp_path_factory.mktemp("prepared")
    return run_transform(directory, toy_examples(directory, train=8 * 16 - 5, validation=60))


def _train(directory: Path, prepared: Prepared, *, scratch: Path | None = None, **settings: Any) -> Model:
    model = Model(directory)
    directory.mkdir(parents=True)
    graph, transformed = prepared
    trainer(
        config=CONFIG.model_copy(update=settings),
        transformed=transformed,
        transform_graph=graph,
        model=model,
        scratch=None if scratch is None else Scratch(scratch),
    )
    return model


@pytest.fixture
def act_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[int, Any]]:
    """By number of a step of this process, from 1: what happens before it; and how many there were, under 0."""
    actions: dict[int, Any] = {0: 0}
    call = TrainingStep.__call__

    def watched(self: TrainingStep, *arguments: Any) -> tf.Tensor:
        actions[0] += 1
        actions.get(actions[0], lambda: None)()
        return call(self, *arguments)

    monkeypatch.setattr(TrainingStep, "__call__", watched)
    return actions


def _crash() -> None:
    raise CrashError


def _curves(model: Model) -> dict[str, dict[int, float]]:
    """By curve: value by step, without what measures time; a step may stand in several event files, but equal."""
    from tensorboard.compat.proto.event_pb2 import Event

    curves: dict[str, dict[int, float]] = {}
    for file in sorted(model.logs_dir.glob("events.out.tfevents.*")):
        for event in map(Event.FromString, read_records(file)):
            for value in event.summary.value:
                is_curve = value.metadata.plugin_data.plugin_name == "scalars"
                if not is_curve or value.tag in MEASURED_TIMES:
                    continue
                (number,) = tf.make_ndarray(value.tensor).reshape(1)
                assert curves.setdefault(value.tag, {}).setdefault(event.step, number) == number
    assert {"loss", "learning_rate", "validation_metric"} <= curves.keys()
    return curves


def _history(model: Model) -> dict[str, Any]:
    history: dict[str, Any] = json.loads(model.history_path.read_text())
    for part in (history, *history["epochs"]):
        for name in MEASURED_TIMES:
            part.pop(name, None)
    return history


def _weights(model: Model) -> list[NDArray[np.float32]]:
    return [weight.numpy() for weight in load_model(model).network.weights]


def _assert_same(found: Model, expected: Model) -> None:
    assert _history(found) == _history(expected)
    assert _curves(found) == _curves(expected)
    for one, other in zip(_weights(found), _weights(expected), strict=True):
        np.testing.assert_array_equal(one, other)
    assert load_model(found).config == load_model(expected).config


@pytest.fixture(scope="module")
def undisturbed(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return _train(tmp_path_factory.mktemp("undisturbed") / "model", prepared)


def test_crashes_at_many_steps_change_nothing(
    prepared: Prepared, undisturbed: Model, tmp_path: Path, act_before: dict[int, Any]
) -> None:
    scratch = tmp_path / "scratch"
    steps_run = []
    # Before the first checkpoint, after one, in the second epoch, at the first step after an epoch's end.
    for attempt, step in enumerate((2, 5, 9, 5)):
        act_before.clear()
        act_before.update({0: 0, step: _crash})
        with pytest.raises(CrashError):
            _train(tmp_path / f"crash-{attempt}", prepared, scratch=scratch)
        steps_run.append(act_before[0] - 1)
    act_before.clear()
    act_before[0] = 0
    model = _train(tmp_path / "model", prepared, scratch=scratch)
    # 1 step lost all, 4 kept 3, 8 kept up to step 11 (8 + 3), 4 kept up to 14, and the rest.
    assert steps_run == [1, 4, 8, 4]
    assert act_before[0] == STEPS - 14
    _assert_same(model, undisturbed)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_the_state_after_the_step_that_runs(
    prepared: Prepared, undisturbed: Model, tmp_path: Path, act_before: dict[int, Any], number: signal.Signals
) -> None:
    scratch = tmp_path / "scratch"
    act_before[11] = lambda: os.kill(os.getpid(), number)
    seldom = CONFIG.checkpoints.model_copy(update={"every_steps": None})
    with pytest.raises(StoppedError, match=f"^{number.name} came, the state after step 11 is saved"):
        _train(tmp_path / "stopped", prepared, scratch=scratch, checkpoints=seldom)
    assert act_before[0] == 11
    act_before.clear()
    act_before[0] = 0
    model = _train(tmp_path / "model", prepared, scratch=scratch)
    assert act_before[0] == STEPS - 11
    _assert_same(model, undisturbed)


def test_a_training_that_is_over_is_not_run_again(
    prepared: Prepared, undisturbed: Model, tmp_path: Path, act_before: dict[int, Any]
) -> None:
    """Killed while it writes the model, after the last epoch."""
    scratch = tmp_path / "scratch"
    _train(tmp_path / "first", prepared, scratch=scratch)
    act_before[0] = 0
    model = _train(tmp_path / "model", prepared, scratch=scratch)
    assert act_before[0] == 0
    _assert_same(model, undisturbed)


def test_early_stopping_remembers_the_epochs_without_gain(
    prepared: Prepared, tmp_path: Path, act_before: dict[int, Any]
) -> None:
    settings = {
        "epochs": 30,
        "learning_rate": 0.5,
        "warmup": 0.0,
        "early_stopping": EarlyStoppingConfig(patience=2),
    }
    whole = _train(tmp_path / "whole", prepared, **settings)
    steps = act_before[0]
    assert steps < 30 * 8, "stopped early"
    act_before[0] = 0
    act_before[steps - 1] = _crash
    with pytest.raises(CrashError):
        _train(tmp_path / "crash", prepared, scratch=tmp_path / "scratch", **settings)
    del act_before[steps - 1]
    _assert_same(_train(tmp_path / "model", prepared, scratch=tmp_path / "scratch", **settings), whole)


@pytest.mark.parametrize(
    "average", [{"ema": {"decay": 0.9}}, {"checkpoint_mean": {"count": 2, "of": "best"}}], ids=["ema", "mean"]
)
def test_averages_and_changed_words_go_on_as_well(
    prepared: Prepared, tmp_path: Path, act_before: dict[int, Any], average: dict[str, Any]
) -> None:
    augmentation = {"drop": 0.1, "delete": 0.1, "swap": 0.1}
    regularization = RegularizationConfig.model_validate({**average, "augmentation": augmentation})
    whole = _train(tmp_path / "whole", prepared, regularization=regularization)
    act_before[0] = 0
    act_before[14] = _crash
    with pytest.raises(CrashError):
        _train(tmp_path / "crash", prepared, scratch=tmp_path / "scratch", regularization=regularization)
    del act_before[14]
    model = _train(tmp_path / "model", prepared, scratch=tmp_path / "scratch", regularization=regularization)
    _assert_same(model, whole)


def test_accumulated_batches_by_budget_with_regularized_gradients_go_on_as_well(
    prepared: Prepared, tmp_path: Path, act_before: dict[int, Any]
) -> None:
    settings = {
        "regularization": RegularizationConfig.model_validate({"r_drop": {}, "adversarial": {}}),
        "batching": BatchingConfig(max_tokens_per_batch=120, gradient_accumulation=2, pad_to=(16, 32)),
    }
    whole = _train(tmp_path / "whole", prepared, **settings)
    steps = act_before[0]
    act_before.update({0: 0, steps - 2: _crash})
    with pytest.raises(CrashError):
        _train(tmp_path / "crash", prepared, scratch=tmp_path / "scratch", **settings)
    del act_before[steps - 2]
    act_before[0] = 0
    model = _train(tmp_path / "model", prepared, scratch=tmp_path / "scratch", **settings)
    assert 2 < act_before[0] < steps, "it went on, not anew"
    _assert_same(model, whole)


def test_without_scratch_a_signal_acts_as_ever(
    prepared: Prepared, tmp_path: Path, act_before: dict[int, Any]
) -> None:
    act_before[2] = lambda: os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        _train(tmp_path / "model", prepared)
