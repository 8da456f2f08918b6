"""AdamW against Keras's own, and what it does to the rows of an embedding that a batch does not hold."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from components.modeling.training.adamw import AdamW

STEPS = 5


def _variables() -> list[Any]:
    generator = np.random.default_rng(0)
    shapes = {"kernel": (3, 4), "bias": (4,), "table": (6, 2)}
    return [
        keras.Variable(generator.normal(size=shape).astype(np.float32), name=name)
        for name, shape in shapes.items()
    ]


def _gradients(step: int) -> list[NDArray[np.float32]]:
    generator = np.random.default_rng(100 + step)
    return [generator.normal(size=shape).astype(np.float32) for shape in ((3, 4), (4,), (6, 2))]


def _optimizer(variables: list[Any], *, weight_decay: float = 0.1, clip_norm: float = 1.0) -> AdamW:
    return AdamW(
        variables,
        learning_rate=lambda step: 0.01 * tf.cast(step + 1, tf.float32),
        weight_decay=weight_decay,
        clip_norm=clip_norm,
    )


@pytest.mark.parametrize("clip_norm", [1.0, 100.0])
def test_dense_updates_are_those_of_keras(clip_norm: float) -> None:
    ours, theirs = _variables(), _variables()
    optimizer = _optimizer(ours, clip_norm=clip_norm)
    reference = keras.optimizers.AdamW(0.0, weight_decay=0.1, epsilon=1e-8, global_clipnorm=clip_norm)
    reference.exclude_from_weight_decay(var_names=["bias"])
    apply = tf.function(optimizer.apply)
    for step in range(STEPS):
        gradients = [tf.constant(gradient) for gradient in _gradients(step)]
        apply(gradients)
        reference.learning_rate = 0.01 * (step + 1)
        reference.apply(gradients, theirs)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=1e-5, atol=1e-6)
    norm = np.sqrt(sum((gradient**2).sum() for gradient in _gradients(STEPS - 1)))
    assert optimizer.last_gradient_norm() == pytest.approx(norm, rel=1e-5)
    assert 1.0 < norm < 100.0
    assert int(optimizer.step) == STEPS
    assert optimizer.current_learning_rate() == pytest.approx(0.06)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_gradients_without_a_norm_are_clipped_to_no_number(broken: float) -> None:
    variables = _variables()
    gradients = [tf.constant(gradient) for gradient in _gradients(0)]
    slices = tf.IndexedSlices(tf.constant([[broken, 0.0]], tf.float32), tf.constant([3]))
    tf.function(_optimizer(variables).apply)([*gradients[:2], slices])
    assert [np.isnan(variable.numpy()).any() for variable in variables] == [True, True, True]
    assert np.isnan(variables[0].numpy()).all()


def test_rows_that_are_all_there_are_updated_as_if_dense() -> None:
    dense, by_rows = _variables(), _variables()
    first, second = _optimizer(dense), _optimizer(by_rows)
    order = [4, 0, 2, 5, 1, 3]
    for step in range(STEPS):
        gradients = [tf.constant(gradient) for gradient in _gradients(step)]
        first.apply(gradients)
        second.apply([*gradients[:2], tf.IndexedSlices(tf.gather(gradients[2], order), tf.constant(order))])
    for one, other in zip(dense, by_rows, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-5, atol=1e-6)


def test_rows_that_occur_twice_are_added_up() -> None:
    once, twice = _variables(), _variables()
    gradient = np.float32([[0.3, -0.1]])
    for variables, values, rows in (
        (once, 2 * gradient, [2]),
        (twice, np.repeat(gradient, 2, axis=0), [2, 2]),
    ):
        slices = tf.IndexedSlices(tf.constant(values), tf.constant(rows))
        _optimizer(variables).apply([None, None, slices])
    np.testing.assert_allclose(once[2].numpy(), twice[2].numpy(), rtol=1e-6)


def test_rows_that_are_not_there_and_variables_without_gradient_stay() -> None:
    variables, before = _variables(), _variables()
    slices = tf.IndexedSlices(tf.ones([2, 2]), tf.constant([1, 4]))
    optimizer = _optimizer(variables)
    for _ in range(STEPS):
        optimizer.apply([None, tf.ones([4]), slices])
    np.testing.assert_array_equal(variables[0].numpy(), before[0].numpy())
    changed = (variables[2].numpy() != before[2].numpy()).any(axis=1)
    assert changed.tolist() == [False, True, False, False, True, False]
    assert (variables[1].numpy() != before[1].numpy()).all()


def test_biases_do_not_decay() -> None:
    variables, before = _variables(), _variables()
    _optimizer(variables).apply([tf.zeros(variable.shape) for variable in variables])
    np.testing.assert_array_equal(variables[1].numpy(), before[1].numpy())
    np.testing.assert_allclose(variables[0].numpy(), before[0].numpy() * (1 - 0.01 * 0.1), rtol=1e-6)


def test_a_bias_by_attention_head_does_not_decay_either() -> None:
    bias = keras.Variable(np.ones((2, 4), np.float32), name="bias")
    _optimizer([bias]).apply([tf.zeros([2, 4])])
    np.testing.assert_array_equal(bias.numpy(), np.ones((2, 4)))


def test_rates_and_first_steps_are_those_of_an_optimizer_of_ones_own() -> None:
    """A variable at half the rate, unfrozen after two steps, moves as if it were trained alone from there."""
    variables, alone = _variables(), _variables()[:1]
    settings = {"learning_rate": lambda _: tf.constant(0.01), "weight_decay": 0.1, "clip_norm": 1e9}
    together = AdamW(variables, **settings, rates=[0.5, 1.0, 1.0], first_steps=[2, 0, 0])
    own = AdamW(alone, **{**settings, "learning_rate": lambda _: tf.constant(0.005)})
    for step in range(STEPS):
        gradients = [tf.constant(gradient) for gradient in _gradients(step)]
        together.apply([gradients[0] if step >= 2 else None, *gradients[1:]])
        if step >= 2:
            own.apply(gradients[:1])
    np.testing.assert_allclose(variables[0].numpy(), alone[0].numpy(), rtol=1e-5, atol=1e-7)
