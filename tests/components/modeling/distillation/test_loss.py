import numpy as np
import pytest
import tensorflow as tf

from components.modeling.distillation.distillation_config import DistillationSettings
from components.modeling.distillation.loss import DistillationLoss
from components.modeling.heads import Head
from components.modeling.training.objective import HeadsLoss

MULTI = Head(name="emotion", task="multi_label", outputs=("a", "b", "c"))
SINGLE = Head(name="emotion", task="single_label", outputs=("a", "b", "c"))
NUMBERS = Head(name="emotion", task="regression", outputs=("a", "b", "c"), mean=(0, 1, 2), std=(1, 2, 3))

RANDOM = np.random.default_rng(3)
LOGITS = RANDOM.normal(0, 2, (6, 3)).astype(np.float32)
MARKS = np.eye(3, dtype=np.float32)[RANDOM.integers(0, 3, 6)]
ANSWERS = (lambda raw: raw / raw.sum(axis=1, keepdims=True))(RANDOM.random((6, 3))).astype(np.float32)
WEIGHTS = np.array([1, 1, 2, 0, 1, 1], np.float32)


def _loss(head: Head, answers: np.ndarray, **settings: float) -> float:
    loss = DistillationLoss(HeadsLoss([head]), [head], DistillationSettings(**settings))
    return float(loss(tf.constant(LOGITS), tf.constant(np.concatenate([MARKS, answers], axis=1)), WEIGHTS))


@pytest.mark.parametrize("head", [MULTI, SINGLE], ids=lambda head: head.task)
def test_at_temperature_one_it_is_the_loss_against_mixed_targets(head: Head):
    mixed = 0.7 * MARKS + 0.3 * ANSWERS
    expected = float(HeadsLoss([head])(tf.constant(LOGITS), tf.constant(mixed), WEIGHTS))
    assert _loss(head, ANSWERS, weight=0.3) == pytest.approx(expected, rel=1e-5)


def test_single_labels_with_a_temperature_equal_hintons_formula():
    def softmax(values: np.ndarray) -> np.ndarray:
        powers = np.exp(values - values.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    hard = -(MARKS * np.log(softmax(LOGITS))).sum(axis=1)
    soft = -(ANSWERS * np.log(softmax(LOGITS / 3))).sum(axis=1)
    expected = np.mean((0.6 * hard + 0.4 * 9 * soft) * WEIGHTS)
    assert _loss(SINGLE, ANSWERS, weight=0.4, temperature=3) == pytest.approx(expected, rel=1e-5)


def test_numbers_know_no_temperature():
    warm, cold = (_loss(NUMBERS, ANSWERS, weight=0.5, temperature=t) for t in (4.0, 1.0))
    assert warm == cold


def test_with_weight_one_the_labels_do_not_count():
    head, labels = MULTI, np.full_like(MARKS, np.nan)
    loss = DistillationLoss(HeadsLoss([head]), [head], DistillationSettings(weight=1))
    found = loss(tf.constant(LOGITS), tf.constant(np.concatenate([labels, ANSWERS], axis=1)), WEIGHTS)
    expected = HeadsLoss([head])(tf.constant(LOGITS), tf.constant(ANSWERS), WEIGHTS)
    assert float(found) == pytest.approx(float(expected), rel=1e-6)


def test_teachers_teach_where_no_label_is_known():
    """An unknown label masks its own term alone."""
    labels = MARKS.copy()
    labels[0] = np.nan
    head = SINGLE
    loss = DistillationLoss(HeadsLoss([head]), [head], DistillationSettings(weight=0.5))
    logits = tf.constant(LOGITS)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss(logits, tf.constant(np.concatenate([labels, ANSWERS], axis=1)), WEIGHTS)
    gradient = tape.gradient(value, logits).numpy()
    assert np.isfinite(gradient).all()
    assert np.abs(gradient[0]).max() > 0
