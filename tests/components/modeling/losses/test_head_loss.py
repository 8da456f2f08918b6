"""From a configuration to the loss of a head: which formula, with which weights."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.core.errors import ConfigError
from components.modeling.heads import Head
from components.modeling.losses import binary, regression, softmax
from components.modeling.losses.config import LossConfig
from components.modeling.losses.head_loss import head_loss, plain_loss
from components.modeling.losses.label_weights import LabelCounts
from components.modeling.training.objective import HeadsLoss

GENERATOR = np.random.default_rng(3)
LOGITS = GENERATOR.normal(0, 2, (12, 3)).astype(np.float32)
MARKS = (GENERATOR.random((12, 3)) < 0.4).astype(np.float32)
ONE = np.eye(3, dtype=np.float32)[GENERATOR.integers(0, 3, 12)]
NUMBERS = GENERATOR.normal(5, 2, (12, 3)).astype(np.float32)
EVEN = np.ones(12, np.float32)
COUNTS = LabelCounts(np.array([50.0, 10.0, 40.0]), 100.0)
ODDS = np.float32([1, 9, 1.5])
NAMES = ("anger", "fear", "joy")


def _head(task: Any) -> Head:
    scale = {"mean": (5.0, 4.0, 6.0), "std": (2.0, 1.0, 3.0)} if task == "regression" else {}
    return Head(task=task, outputs=NAMES, **scale)


def _losses(task: Any, targets: Any, **settings: Any) -> Any:
    loss = head_loss(_head(task), LossConfig.model_validate(settings), COUNTS)
    logits = LOGITS[:, :2] if task == "ordinal" else LOGITS
    return loss(logits, targets, EVEN).numpy()


def _mean(values: Any) -> Any:
    return tf.reduce_mean(values, axis=1).numpy()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, binary.binary_cross_entropy(LOGITS, MARKS)),
        (
            {"name": "cross_entropy", "label_smoothing": 0.2},
            binary.binary_cross_entropy(LOGITS, 0.8 * MARKS + 0.1),
        ),
        ({"positive_weights": "balanced"}, binary.binary_cross_entropy(LOGITS, MARKS, positive_weights=ODDS)),
        (
            {"positive_weights": "balanced", "weight_power": 0.5},
            binary.binary_cross_entropy(LOGITS, MARKS, positive_weights=ODDS**0.5),
        ),
        ({"class_weights": {"fear": 5}}, binary.binary_cross_entropy(LOGITS, MARKS) * np.float32([1, 5, 1])),
        ({"name": "focal", "gamma": 3, "alpha": 0.25}, binary.focal(LOGITS, MARKS, gamma=3.0, alpha=0.25)),
        (
            {"name": "asymmetric", "gamma_negative": 3, "gamma_positive": 0, "probability_shift": 0.1},
            binary.asymmetric(LOGITS, MARKS, gamma_negative=3.0, gamma_positive=0.0, shift=0.1),
        ),
    ],
)
def test_multi_label(settings: dict[str, Any], expected: Any) -> None:
    np.testing.assert_allclose(_losses("multi_label", MARKS, **settings), _mean(expected), rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, softmax.softmax_cross_entropy(LOGITS, ONE)),
        ({"label_smoothing": 0.3}, softmax.softmax_cross_entropy(LOGITS, 0.7 * ONE + 0.1)),
        (
            {"class_weights": "balanced"},
            softmax.softmax_cross_entropy(LOGITS, ONE, class_weights=np.float32([2 / 3, 10 / 3, 5 / 6])),
        ),
        ({"name": "focal", "gamma": 1}, softmax.softmax_cross_entropy(LOGITS, ONE, gamma=1.0)),
    ],
)
def test_single_label(settings: dict[str, Any], expected: Any) -> None:
    np.testing.assert_allclose(_losses("single_label", ONE, **settings), expected, rtol=1e-5)


def test_ordinal() -> None:
    plain = softmax.cumulative_cross_entropy(LOGITS[:, :2], ONE)
    np.testing.assert_allclose(_losses("ordinal", ONE), plain, rtol=1e-6)
    weighted = _losses("ordinal", ONE, class_weights={"fear": 3})
    np.testing.assert_allclose(weighted, plain * np.where(ONE[:, 1], 3, 1), rtol=1e-6)


def test_regression_is_in_standard_deviations() -> None:
    head = _head("regression")
    scaled = (NUMBERS - np.float32(head.mean)) / np.float32(head.std)
    for settings, expected in (
        ({}, regression.squared_error(LOGITS, scaled)),
        ({"name": "huber", "delta": 0.5}, regression.huber(LOGITS, scaled, delta=0.5)),
        (
            {"name": "concordance", "squared_error_weight": 0.1},
            regression.concordance(LOGITS, scaled, EVEN, squared_error_weight=0.1),
        ),
    ):
        np.testing.assert_allclose(_losses("regression", NUMBERS, **settings), expected, rtol=1e-5)


def test_unknown_rows_are_no_part_of_a_batchs_concordance() -> None:
    head = _head("regression")
    loss = HeadsLoss([head], losses={head.name: head_loss(head, LossConfig(name="concordance"), COUNTS)})
    some = NUMBERS.copy()
    some[8:, 0] = np.nan
    found = loss(tf.constant(LOGITS), tf.constant(some), tf.constant(EVEN))
    known = loss(tf.constant(LOGITS[:8]), tf.constant(NUMBERS[:8]), tf.constant(EVEN[:8]))
    np.testing.assert_allclose(found, known * 8 / 12, rtol=1e-5)


def test_the_plain_loss_is_the_default() -> None:
    for task, targets in (("multi_label", MARKS), ("single_label", ONE), ("regression", NUMBERS)):
        found = plain_loss(_head(task))(LOGITS, targets, EVEN)
        np.testing.assert_allclose(found, _losses(task, targets), rtol=1e-6)


def test_a_loss_of_another_task_is_refused_by_name_of_the_head() -> None:
    with pytest.raises(ConfigError, match="head 'emotion': the loss focal does not fit the task regression"):
        head_loss(_head("regression"), LossConfig(name="focal"), COUNTS)
