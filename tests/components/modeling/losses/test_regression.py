"""Losses of numbers against scikit-learn, SciPy and Lin's formula."""

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from scipy.special import huber as scipy_huber
from sklearn.metrics import mean_squared_error

from components.modeling.losses.regression import concordance, huber, squared_error
from tests.components.modeling.losses.gradients import check_gradient, gradient_of

Floats = NDArray[np.float64]

GENERATOR = np.random.default_rng(2)
TARGETS = GENERATOR.normal(size=(30, 3))
PREDICTIONS = 0.5 * TARGETS + GENERATOR.normal(size=(30, 3)) + 0.3
WEIGHTS = GENERATOR.integers(0, 4, 30).astype(np.float64)
EVEN = np.ones(30, np.float32)


def _one_minus_ccc(predictions: Floats, targets: Floats) -> float:
    """Lin (1989), with moments of the population, averaged over the outputs."""
    values = []
    for x, y in zip(predictions.T, targets.T, strict=True):
        covariance = np.cov(x, y, bias=True)
        values.append(1 - 2 * covariance[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2))
    return float(np.mean(values))


def test_squared_error_is_scikit_learns() -> None:
    found = tf.reduce_mean(squared_error(np.float32(PREDICTIONS), np.float32(TARGETS)))
    np.testing.assert_allclose(found, mean_squared_error(TARGETS, PREDICTIONS), rtol=1e-5)


@pytest.mark.parametrize("delta", [0.3, 1.0, 10.0])
def test_huber_is_scipys(delta: float) -> None:
    def reference(predictions: Floats) -> Floats:
        return scipy_huber(delta, predictions - TARGETS).mean(axis=1)

    def loss(predictions: tf.Tensor) -> tf.Tensor:
        return huber(predictions, np.float32(TARGETS), delta=delta)

    np.testing.assert_allclose(loss(np.float32(PREDICTIONS)), reference(PREDICTIONS), rtol=1e-5)
    check_gradient(loss, reference, PREDICTIONS)


def test_the_mean_of_concordance_losses_is_one_minus_ccc() -> None:
    losses = concordance(np.float32(PREDICTIONS), np.float32(TARGETS), EVEN)
    assert losses.shape == (30,)
    np.testing.assert_allclose(tf.reduce_mean(losses), _one_minus_ccc(PREDICTIONS, TARGETS), rtol=1e-5)
    # The derivative must go through the batch's moments, too.
    check_gradient(
        lambda x: tf.reduce_mean(concordance(x, np.float32(TARGETS), EVEN)),
        lambda x: _one_minus_ccc(x, TARGETS),
        PREDICTIONS,
    )


def test_weighted_rows_count_as_repeated_ones() -> None:
    repeated = np.repeat(np.arange(30), WEIGHTS.astype(int))
    losses = concordance(np.float32(PREDICTIONS), np.float32(TARGETS), np.float32(WEIGHTS)).numpy()
    expected = _one_minus_ccc(PREDICTIONS[repeated], TARGETS[repeated])
    np.testing.assert_allclose((losses * WEIGHTS).sum() / WEIGHTS.sum(), expected, rtol=1e-5)


def test_rows_without_weight_do_not_move_the_others() -> None:
    known = np.float32([1] * 20 + [0] * 10)
    disturbed = np.where(known[:, np.newaxis] > 0, PREDICTIONS, 1e3)
    all_rows = concordance(np.float32(disturbed), np.float32(TARGETS), known)[:20]
    own_rows = concordance(np.float32(PREDICTIONS[:20]), np.float32(TARGETS[:20]), EVEN[:20])
    np.testing.assert_allclose(all_rows, own_rows, rtol=1e-5)


def test_squared_error_is_added_to_concordance() -> None:
    arguments = np.float32(PREDICTIONS), np.float32(TARGETS), EVEN
    found = concordance(*arguments, squared_error_weight=0.5)
    expected = concordance(*arguments) + 0.5 * squared_error(*arguments[:2])
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("weights", [np.ones(4, np.float32), np.zeros(4, np.float32)])
def test_a_batch_of_one_value_or_of_nothing_known_gives_no_nan(weights: NDArray[np.float32]) -> None:
    constant = np.zeros((4, 2), np.float32)

    def loss(predictions: tf.Tensor) -> tf.Tensor:
        return concordance(predictions, constant, weights) * weights

    np.testing.assert_array_equal(loss(constant), np.zeros(4))
    assert np.isfinite(gradient_of(loss, constant)).all()
    assert np.isfinite(gradient_of(loss, constant + 80)).all()
