"""Averages of the weights against loops in NumPy."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from components.modeling.training.adamw import AdamW
from components.modeling.training.regularization.averaging import CheckpointMean, Ema, weight_average
from components.modeling.training.regularization.settings import RegularizationConfig

ROWS = 7


class _Value:
    """A variable as Keras has it."""

    def __init__(self, value: tf.Variable) -> None:
        self.value = value
        self.shape = value.shape
        self.name = "kernel"


def _variables() -> list[tf.Variable]:
    generator = np.random.default_rng(0)
    return [
        tf.Variable(generator.normal(size=shape).astype(np.float32))
        for shape in ((ROWS, 3), (3, 2), (2,), (4,))
    ]


def _gradients(step: int) -> list[Any]:
    """A table of which a step sees some rows, some twice; two variables; and one that has no gradient."""
    generator = np.random.default_rng(step + 1)
    rows = generator.integers(0, ROWS - 1, 3).astype(np.int32)
    values = generator.normal(size=(3, 3)).astype(np.float32)
    table = tf.IndexedSlices(tf.constant(values), tf.constant(rows), tf.constant([ROWS, 3]))
    return [table, *(tf.constant(generator.normal(size=shape), tf.float32) for shape in ((3, 2), (2,))), None]


def _optimizer(variables: list[tf.Variable]) -> AdamW:
    return AdamW(
        [_Value(variable) for variable in variables],
        learning_rate=lambda step: tf.constant(0.1),
        weight_decay=0.01,
        clip_norm=1.0,
    )


def _trainer(variables: list[tf.Variable], average: Any) -> Any:
    """A step's update as a graph for every step, as the rows differ in number."""
    optimizer = _optimizer(variables)

    @tf.function(reduce_retracing=True)
    def update(rows: tf.Tensor, values: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> None:
        gradients = [tf.IndexedSlices(values, rows, tf.constant([ROWS, 3])), kernel, bias, None]
        average.before_update(gradients)
        optimizer.apply(gradients)

    def train(step: int) -> None:
        table, kernel, bias, _ = _gradients(step)
        update(table.indices, table.values, kernel, bias)

    return train


def _naive(shadow: list[NDArray[np.float64]], variables: list[tf.Variable], decay: float) -> None:
    for average, variable in zip(shadow, variables, strict=True):
        average *= decay
        average += (1 - decay) * variable.numpy()


@pytest.mark.parametrize("warmup", [True, False])
def test_the_moving_average_by_rows_equals_that_of_a_full_pass_every_step(warmup: bool) -> None:
    variables = _variables()
    shadow = [variable.numpy().astype(np.float64) for variable in variables]
    ema = Ema(variables, decay=0.9, warmup=warmup)
    train = _trainer(variables, ema)
    for step in range(1, 41):
        train(step)
        _naive(shadow, variables, min(0.9, (1 + step) / (10 + step)) if warmup else 0.9)
        if step % 13 == 0:
            for average, expected in zip(ema.values(), shadow, strict=True):
                np.testing.assert_allclose(average, expected, rtol=1e-5, atol=1e-6)
    for average, expected, variable in zip(ema.values(), shadow, variables, strict=True):
        np.testing.assert_allclose(average, expected, rtol=1e-5, atol=1e-6)
        assert average.shape == variable.shape
    assert not np.allclose(ema.values()[0], variables[0].numpy(), atol=1e-2)


def test_the_moving_average_starts_from_the_initial_weights() -> None:
    variables = _variables()
    for average, variable in zip(Ema(variables, decay=0.9).values(), variables, strict=True):
        np.testing.assert_array_equal(average, variable.numpy())


def test_a_restored_moving_average_goes_on_as_if_never_stopped(tmp_path: Path) -> None:
    variables = _variables()
    ema = Ema(variables, decay=0.9)
    optimizer = _optimizer(variables)
    for step in range(5):
        gradients = _gradients(step)
        ema.before_update(gradients)
        optimizer.apply(gradients)
    path = tf.train.Checkpoint(variables=variables, ema=ema, optimizer=optimizer).save(str(tmp_path / "c"))

    others = [tf.Variable(tf.zeros_like(variable)) for variable in variables]
    resumed, other_optimizer = Ema(others, decay=0.9), _optimizer(others)
    tf.train.Checkpoint(variables=others, ema=resumed, optimizer=other_optimizer).restore(
        path
    ).assert_consumed()
    for step in range(5, 10):
        for average, stepper in ((ema, optimizer), (resumed, other_optimizer)):
            gradients = _gradients(step)
            average.before_update(gradients)
            stepper.apply(gradients)
    for one, other in zip(ema.values(), resumed.values(), strict=True):
        np.testing.assert_array_equal(one, other)


def _weights(number: float) -> NDArray[np.float32]:
    return np.float32([number, 10 * number])


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        ("last", [1, (1 + 2) / 2, (1 + 2 + 3) / 3, (2 + 3 + 4) / 3, (3 + 4 + 5) / 3]),
        ("best", [1, 1.5, 2, 7 / 3, 7 / 3]),
    ],
)
def test_mean_of_checkpoints(of: Any, expected: list[float]) -> None:
    variable = tf.Variable(_weights(0))
    mean = CheckpointMean([variable], count=3, of=of)
    assert mean.by_metric == (of == "best")
    # The third validation is the worst, the last is worse than those kept.
    for number, metric, value in zip(range(1, 6), (0.5, 0.6, 0.4, 0.7, 0.3), expected, strict=True):
        variable.assign(_weights(number))
        mean.before_update([None])
        mean.add(metric)
        np.testing.assert_allclose(mean.values()[0], _weights(value), rtol=1e-6)


def test_a_restored_mean_goes_on(tmp_path: Path) -> None:
    variable = tf.Variable(_weights(1))
    mean = CheckpointMean([variable], count=2)
    mean.add(0.1)
    path = tf.train.Checkpoint(mean=mean).save(str(tmp_path / "c"))
    resumed = CheckpointMean([variable], count=2)
    tf.train.Checkpoint(mean=resumed).restore(path).assert_consumed()
    variable.assign(_weights(2))
    resumed.add(0.2)
    np.testing.assert_allclose(resumed.values()[0], _weights(1.5))


@pytest.mark.parametrize(
    ("settings", "kind"),
    [({}, type(None)), ({"ema": {}}, Ema), ({"checkpoint_mean": {"of": "best"}}, CheckpointMean)],
)
def test_what_is_configured(settings: dict[str, Any], kind: type) -> None:
    assert isinstance(weight_average(RegularizationConfig.model_validate(settings), _variables()), kind)


def test_two_averages_are_refused() -> None:
    with pytest.raises(ValueError, match="take one of them"):
        RegularizationConfig.model_validate({"ema": {}, "checkpoint_mean": {}})
