"""Losses of independent labels against the papers' formulas in float64, values and derivatives."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from sklearn.metrics import log_loss

from components.modeling.losses.binary import asymmetric, binary_cross_entropy, focal, smooth
from tests.components.modeling.losses.gradients import check_gradient, check_robust

Floats = NDArray[np.float64]

GENERATOR = np.random.default_rng(0)
LOGITS = GENERATOR.normal(0, 4, (40, 7))
HARD = (GENERATOR.random((40, 7)) < 0.2).astype(np.float64)
SOFT = GENERATOR.random((40, 7))
WEIGHTS = np.array([1.0, 3.0, 0.5, 20.0, 1.0, 2.0, 0.1])


def _sigmoid(logits: Floats) -> Floats:
    return 1 / (1 + np.exp(-logits))


def _cross_entropy(logits: Floats, targets: Floats, positive: Any = 1.0) -> Floats:
    p = _sigmoid(logits)
    return -(positive * targets * np.log(p) + (1 - targets) * np.log(1 - p))


def _focal(logits: Floats, targets: Floats, gamma: float, alpha: float) -> Floats:
    """Lin et al. (2017), equation 5, for targets of 0 and 1."""
    p = _sigmoid(logits)
    p_t = np.where(targets == 1, p, 1 - p)
    alpha_t = np.where(targets == 1, alpha, 1 - alpha)
    return -alpha_t * (1 - p_t) ** gamma * np.log(p_t)


def _asymmetric(logits: Floats, targets: Floats, positive: float, negative: float, shift: float) -> Floats:
    """Ridnik et al. (2021), section 2.4."""
    p = _sigmoid(logits)
    p_m = np.maximum(p - shift, 0)
    loss_positive = (1 - p) ** positive * np.log(p)
    loss_negative = p_m**negative * np.log(1 - p_m)
    return -targets * loss_positive - (1 - targets) * loss_negative


def _quality_focal(logits: Floats, targets: Floats, gamma: float) -> Floats:
    """Li et al. (2020), section 3."""
    return np.abs(targets - _sigmoid(logits)) ** gamma * _cross_entropy(logits, targets)


Reference = Callable[[Floats, Floats], Floats]

CASES: dict[str, tuple[Any, Reference, Floats]] = {
    "cross-entropy": (binary_cross_entropy, _cross_entropy, HARD),
    "cross-entropy of soft targets": (binary_cross_entropy, _cross_entropy, SOFT),
    "weighted cross-entropy": (
        lambda z, y: binary_cross_entropy(z, y, positive_weights=np.float32(WEIGHTS)),
        lambda z, y: _cross_entropy(z, y, WEIGHTS),
        SOFT,
    ),
    "focal": (
        lambda z, y: focal(z, y, gamma=2.0, alpha=0.25),
        lambda z, y: _focal(z, y, 2.0, 0.25),
        HARD,
    ),
    "focal, gamma 1.5, weighted": (
        lambda z, y: focal(z, y, gamma=1.5, positive_weights=np.float32(WEIGHTS)),
        lambda z, y: 2 * _focal(z, y, 1.5, 0.5) * np.where(y == 1, WEIGHTS, 1),
        HARD,
    ),
    "focal of soft targets": (
        lambda z, y: focal(z, y, gamma=2.0),
        lambda z, y: _quality_focal(z, y, 2.0),
        SOFT,
    ),
    "asymmetric": (
        lambda z, y: asymmetric(z, y, gamma_positive=1.0, gamma_negative=4.0, shift=0.05),
        lambda z, y: _asymmetric(z, y, 1.0, 4.0, 0.05),
        HARD,
    ),
    "asymmetric without shift": (
        lambda z, y: asymmetric(z, y, gamma_positive=0.0, gamma_negative=2.0, shift=0.0),
        lambda z, y: _asymmetric(z, y, 0.0, 2.0, 0.0),
        HARD,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives_are_those_of_the_formula(name: str) -> None:
    loss, reference, targets = CASES[name]
    found = loss(tf.constant(LOGITS, tf.float32), tf.constant(targets, tf.float32)).numpy()
    np.testing.assert_allclose(found, reference(LOGITS, targets), rtol=2e-5, atol=1e-7)
    check_gradient(lambda z: loss(z, np.float32(targets)), lambda z: reference(z, targets), LOGITS)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("target", [0.0, 0.3, 0.5, 1.0])
def test_no_logit_breaks_it(name: str, target: float) -> None:
    loss, _, _ = CASES[name]
    logits = np.array([-80, -20, -1, 0, 1, 20, 80], np.float32)[np.newaxis].repeat(7, axis=0)
    check_robust(lambda z: loss(z, np.full((7, 7), target, np.float32)), logits)


def test_far_from_the_target_cross_entropy_is_the_logit() -> None:
    logits, targets = tf.constant([[80.0, -80.0, 80.0]]), tf.constant([[0.0, 1.0, 1.0]])
    np.testing.assert_allclose(binary_cross_entropy(logits, targets), [[80, 80, np.exp(-80)]], rtol=1e-5)


def test_cross_entropy_is_scikit_learns_log_loss() -> None:
    found = tf.reduce_mean(binary_cross_entropy(np.float32(LOGITS), np.float32(HARD)))
    expected = log_loss(HARD.ravel(), _sigmoid(LOGITS).ravel())
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("loss", [binary_cross_entropy, lambda z, y: focal(z, y, gamma=2.0)])
@pytest.mark.parametrize("target", [0.1, 0.37, 0.9])
def test_lowest_at_a_soft_target(loss: Any, target: float) -> None:
    probabilities = np.arange(0.01, 1, 0.01)
    logits = np.log(probabilities / (1 - probabilities)).astype(np.float32)[np.newaxis]
    losses = loss(logits, np.full_like(logits, target)).numpy()
    assert probabilities[losses.argmin()] == pytest.approx(target)


def test_asymmetric_with_equal_exponents_and_no_shift_is_focal() -> None:
    arguments = np.float32(LOGITS), np.float32(HARD)
    found = asymmetric(*arguments, gamma_positive=2.0, gamma_negative=2.0, shift=0.0)
    np.testing.assert_allclose(found, focal(*arguments, gamma=2.0), rtol=1e-5, atol=1e-7)


def test_an_easy_negative_below_the_shift_costs_and_teaches_nothing() -> None:
    logits = tf.Variable([[-4.0]])  # p = 0.018
    with tf.GradientTape() as tape:
        loss = asymmetric(logits, tf.zeros([1, 1]), gamma_positive=0.0, gamma_negative=1.0, shift=0.05)
    assert loss.numpy() == 0
    assert tape.gradient(loss, logits).numpy() == 0


def test_smoothing_moves_targets_toward_a_half() -> None:
    np.testing.assert_allclose(smooth(tf.constant([0.0, 0.5, 1.0]), 0.1), [0.05, 0.5, 0.95])
