"""Checks of a loss's derivatives."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def gradient_of(loss: Callable[[Any], Any], at: NDArray[Any]) -> NDArray[np.float32]:
    """The derivative of the sum of a loss's values by its argument, as a training step computes it: in a graph."""

    @tf.function
    def compute(values: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(values)
            total = tf.reduce_sum(loss(values))
        return tape.gradient(total, values)

    found: NDArray[np.float32] = compute(tf.constant(at, tf.float32)).numpy()
    return found


def check_gradient(loss: Callable[[Any], Any], reference: Callable[[Floats], Any], at: Floats) -> None:
    """The float32 derivatives are the central differences of a float64 reference."""
    step = 1e-5
    expected = np.zeros_like(at)
    for index in np.ndindex(at.shape):
        moved = at.copy()
        moved[index] += step
        above = np.sum(reference(moved))
        moved[index] -= 2 * step
        expected[index] = (above - np.sum(reference(moved))) / (2 * step)
    np.testing.assert_allclose(gradient_of(loss, at), expected, rtol=1e-3, atol=2e-5)


def check_robust(loss: Callable[[Any], Any], logits: NDArray[np.float32]) -> None:
    """Values are finite and not negative, derivatives finite."""
    values = np.asarray(loss(tf.constant(logits)))
    assert np.isfinite(values).all()
    assert (values >= 0).all()
    assert np.isfinite(gradient_of(loss, logits)).all()
