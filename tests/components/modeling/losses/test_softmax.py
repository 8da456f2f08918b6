"""Losses of one label, and of one level, against formulas in float64, scikit-learn and values worked out by hand."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from sklearn.metrics import log_loss

from components.modeling.losses.softmax import (
    cumulative_cross_entropy,
    smooth_classes,
    softmax_cross_entropy,
)
from tests.components.modeling.losses.gradients import check_gradient, check_robust

Floats = NDArray[np.float64]

GENERATOR = np.random.default_rng(1)
LOGITS = GENERATOR.normal(0, 3, (20, 5))
HARD = np.eye(5)[GENERATOR.integers(0, 5, 20)]
SOFT = GENERATOR.dirichlet(np.ones(5), 20)
WEIGHTS = np.array([1.0, 3.0, 0.5, 20.0, 0.1])


def _softmax(logits: Floats) -> Floats:
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def _focal(logits: Floats, targets: Floats, gamma: float, weights: Any = 1.0) -> Floats:
    """Lin et al. (2017), equation 5, on the probability of the row's one label."""
    p_t = (targets * _softmax(logits)).sum(axis=1)
    return -(targets * weights).sum(axis=1) * (1 - p_t) ** gamma * np.log(p_t)


def _cross_entropy(logits: Floats, targets: Floats, weights: Any = 1.0) -> Floats:
    return -(weights * targets * np.log(_softmax(logits))).sum(axis=1)


def _cumulative(logits: Floats, targets: Floats, weights: Any = 1.0) -> Floats:
    """CORAL's binary tasks "is the level above k", one after the other."""
    losses = np.zeros(len(logits))
    for k in range(logits.shape[1]):
        above = targets[:, k + 1 :].sum(axis=1)
        p = 1 / (1 + np.exp(-logits[:, k]))
        losses -= (above * np.log(p) + (1 - above) * np.log(1 - p)) / logits.shape[1]
    return losses * (targets * weights).sum(axis=1)


CASES: dict[str, tuple[Any, Any, Floats, Floats]] = {
    "cross-entropy": (softmax_cross_entropy, _cross_entropy, LOGITS, HARD),
    "weighted, soft": (
        lambda z, y: softmax_cross_entropy(z, y, class_weights=np.float32(WEIGHTS)),
        lambda z, y: _cross_entropy(z, y, WEIGHTS),
        LOGITS,
        SOFT,
    ),
    "focal": (
        lambda z, y: softmax_cross_entropy(z, y, gamma=2.0, class_weights=np.float32(WEIGHTS)),
        lambda z, y: _focal(z, y, 2.0, WEIGHTS),
        LOGITS,
        HARD,
    ),
    "cumulative": (cumulative_cross_entropy, _cumulative, LOGITS[:, :4], HARD),
    "cumulative, weighted, soft": (
        lambda z, y: cumulative_cross_entropy(z, y, class_weights=np.float32(WEIGHTS)),
        lambda z, y: _cumulative(z, y, WEIGHTS),
        LOGITS[:, :4],
        SOFT,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives_are_those_of_the_formula(name: str) -> None:
    loss, reference, logits, targets = CASES[name]
    found = loss(tf.constant(logits, tf.float32), tf.constant(targets, tf.float32)).numpy()
    np.testing.assert_allclose(found, reference(logits, targets), rtol=2e-5, atol=1e-6)
    check_gradient(lambda z: loss(z, np.float32(targets)), lambda z: reference(z, targets), logits)


@pytest.mark.parametrize("name", CASES)
def test_no_logit_breaks_it(name: str) -> None:
    loss, _, logits, targets = CASES[name]
    extremes = np.float32([[-80, 80, 0, 20, -20], [80, 80, 80, 80, 80], [-80, -80, 80, 0, 0]])
    for wanted in (np.eye(5), targets[:5]):
        for row in wanted.astype(np.float32):
            check_robust(
                lambda z, row=row: loss(z, np.tile(row, (3, 1))),
                extremes[:, : logits.shape[1]],
            )


def test_cross_entropy_is_scikit_learns_log_loss() -> None:
    found = tf.reduce_mean(softmax_cross_entropy(np.float32(LOGITS), np.float32(HARD)))
    np.testing.assert_allclose(found, log_loss(HARD.argmax(axis=1), _softmax(LOGITS)), rtol=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_no_gradient_at_a_soft_target(gamma: float) -> None:
    logits = tf.Variable(np.log(SOFT), dtype=tf.float32)
    with tf.GradientTape() as tape:
        loss = softmax_cross_entropy(logits, np.float32(SOFT), gamma=gamma)
    np.testing.assert_allclose(tape.gradient(loss, logits), np.zeros_like(SOFT), atol=1e-5)


def test_smoothing_spreads_a_share_over_all_labels() -> None:
    smoothed = smooth_classes(tf.constant([[0.0, 1.0, 0.0, 0.0]]), 0.2)
    np.testing.assert_allclose(smoothed, [[0.05, 0.85, 0.05, 0.05]], rtol=1e-6)


def test_a_soft_level_is_what_is_above_each_level() -> None:
    # Votes 1/4, 1/4, 1/2 for levels 0, 1, 2: P(above 0) = 3/4, P(above 1) = 1/2; there no logit has a derivative.
    targets = tf.constant([[0.25, 0.25, 0.5]])
    logits = tf.Variable([[np.log(3.0), 0.0]], dtype=tf.float32)
    with tf.GradientTape() as tape:
        loss = cumulative_cross_entropy(logits, targets)
    entropies = [-(p * np.log(p) + (1 - p) * np.log(1 - p)) for p in (0.75, 0.5)]
    np.testing.assert_allclose(loss, [np.mean(entropies)], rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(loss, logits), [[0, 0]], atol=1e-6)
