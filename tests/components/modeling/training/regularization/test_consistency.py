"""R-Drop against the divergences as they are defined."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from components.modeling.heads import Head
from components.modeling.training.objective import HeadsLoss
from components.modeling.training.regularization.consistency import RDropObjective, divergence

Array = NDArray[np.float64]
ROWS = 5


def _logits(seed: int, width: int) -> Array:
    return np.random.default_rng(seed).normal(0, 2, (ROWS, width))


def _kl(first: Array, second: Array) -> Array:
    """KL(first || second) of distributions along the last axis."""
    result: Array = (first * np.log(first / second)).sum(axis=-1)
    return result


def _softmax(logits: Array) -> Array:
    powers = np.exp(logits)
    result: Array = powers / powers.sum(axis=-1, keepdims=True)
    return result


def _bernoulli(logits: Array) -> Array:
    probability = 1 / (1 + np.exp(-logits))
    return np.stack([probability, 1 - probability], axis=-1)


def _divergence(head: Head, first: Array, second: Array) -> Array:
    return divergence(head, tf.constant(first, tf.float32), tf.constant(second, tf.float32)).numpy()


def test_of_single_label_is_the_two_divergences_of_the_softmax() -> None:
    first, second = _logits(0, 4), _logits(1, 4)
    p, q = _softmax(first), _softmax(second)
    expected = _kl(p, q) + _kl(q, p)
    head = Head(task="single_label", outputs=("a", "b", "c", "d"))
    np.testing.assert_allclose(_divergence(head, first, second), expected, rtol=1e-5)


@pytest.mark.parametrize(("task", "outputs"), [("multi_label", "abcd"), ("ordinal", "abcde")])
def test_of_multi_label_and_ordinal_is_the_mean_of_bernoulli_divergences(task: Any, outputs: str) -> None:
    first, second = _logits(2, 4), _logits(3, 4)
    p, q = _bernoulli(first), _bernoulli(second)
    expected = (_kl(p, q) + _kl(q, p)).mean(axis=1)
    head = Head(task=task, outputs=tuple(outputs))
    np.testing.assert_allclose(_divergence(head, first, second), expected, rtol=1e-5)


def test_of_regression_is_that_of_gaussians_in_the_unit_of_the_squared_error() -> None:
    first, second = _logits(4, 3), _logits(5, 3)
    # KL of N(a, 1) and N(b, 1), by numeric integration over a grid.
    grid = np.linspace(-30, 30, 20_001)
    density = [np.exp(-((grid - mean[..., None]) ** 2) / 2) / np.sqrt(2 * np.pi) for mean in (first, second)]
    apart = (density[0] - density[1]) * (
        (grid - second[..., None]) ** 2 / 2 - (grid - first[..., None]) ** 2 / 2
    )
    both_ways = apart.sum(axis=-1) * (grid[1] - grid[0])
    head = Head(task="regression", outputs=("v", "a", "d"), mean=(0, 0, 0), std=(1, 1, 1))
    np.testing.assert_allclose(_divergence(head, first, second), 2 * both_ways.mean(axis=1), rtol=1e-4)


class _Answers:
    """A network whose passes give these logits, one after the other."""

    def __init__(self, *logits: Array) -> None:
        self._logits: Iterator[Array] = iter(logits)

    def __call__(self, inputs: Any, *, training: bool) -> tf.Tensor:
        assert training
        return tf.constant(next(self._logits), tf.float32)


HEADS = (
    Head(name="emotion", outputs=("joy", "fear")),
    Head(name="sentiment", task="single_label", outputs=("bad", "so", "good")),
)


def test_the_objective_is_half_of_the_papers_and_weighs_rows_and_heads() -> None:
    first, second = _logits(6, 5), _logits(7, 5)
    targets = np.zeros((ROWS, 5), np.float32)
    targets[:, [1, 3]] = 1
    targets[0, 2:] = np.nan
    weights = np.float32([1, 0, 2, 0.5, 3])
    objective = RDropObjective(
        _Answers(first, second),
        HeadsLoss(HEADS, loss_weights={"sentiment": 0.3}),
        HEADS,
        alpha=1.5,
        loss_weights={"sentiment": 0.3},
    )
    loss = float(objective({}, tf.constant(targets), tf.constant(weights)))

    def likelihood(logits: Array) -> float:
        probability = _bernoulli(logits[:, :2])
        emotion = -np.where(targets[:, :2] == 1, np.log(probability[..., 0]), np.log(probability[..., 1]))
        sentiment = -np.log(_softmax(logits[:, 2:])[:, 1]) * ~np.isnan(targets[:, 2])
        return float(((emotion.mean(axis=1) + 0.3 * sentiment) * weights).mean())

    p, q = (_bernoulli(logits[:, :2]) for logits in (first, second))
    r, s = (_softmax(logits[:, 2:]) for logits in (first, second))
    apart = (_kl(p, q) + _kl(q, p)).mean(axis=1) + 0.3 * (_kl(r, s) + _kl(s, r))
    papers = likelihood(first) + likelihood(second) + 1.5 / 2 * (apart * weights).mean()
    assert loss == pytest.approx(papers / 2, rel=1e-5)


def test_both_passes_learn() -> None:
    first, second = (tf.Variable(tf.constant(_logits(seed, 5), tf.float32)) for seed in (8, 9))
    answers = iter((first, second))
    objective = RDropObjective(
        lambda inputs, training: next(answers) + 0.0, lambda logits, *_: tf.constant(0.0), HEADS, alpha=1.0
    )
    with tf.GradientTape() as tape:
        loss = objective({}, tf.zeros([ROWS, 5]), tf.ones([ROWS]))
    for gradient in tape.gradient(loss, [first, second]):
        assert float(tf.norm(gradient)) > 0
