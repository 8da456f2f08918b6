import json

import numpy as np
import pytest
import tensorflow as tf

from components.core.errors import StageError
from components.evaluation.thresholds import tune_thresholds
from components.evaluation.thresholds_config import ThresholdsConfig
from components.modeling.calibration import calibrated
from components.modeling.calibration_config import CalibrationConfig
from components.modeling.head_layers import scores_of
from components.modeling.heads import Head, columns, decide
from components.modeling.training.learned import Learned, learn
from components.modeling.training.validation import judge

HEADS = (
    Head(name="emotion", outputs=("joy", "fear", "anger")),
    Head(name="mood", task="single_label", outputs=("good", "bad", "none")),
    Head(name="strength", task="ordinal", outputs=("little", "some", "much")),
    Head(name="affect", task="regression", outputs=("valence",), mean=(3.0,), std=(0.5,)),
)
METHODS = ["none", "temperature", "platt"]


def split(rows, *, seed):
    """Logits [rows, 9] that are far too sure, and targets [rows, 10]; the truth is what a third of them says."""
    random = np.random.default_rng(seed)
    true = random.normal(0, 1.2, (rows, 9)) + np.float64([-1, -2, -2, 0, 0, 0, 1, 0, 0])
    true[:, 7] = true[:, 6] - 2
    shares = scores_of(HEADS, tf.constant(true.astype(np.float32))).numpy()
    targets = (random.random(shares.shape) < shares).astype(np.float32)
    for own in list(columns(HEADS).values())[1:3]:
        drawn = (random.random((rows, 1)) > shares[:, own].cumsum(axis=1)[:, :2]).sum(axis=1)
        targets[:, own] = np.eye(3, dtype=np.float32)[drawn]
    targets[:, 9] = shares[:, 9]
    targets[: rows // 10, 3:6] = np.nan
    return (true * 3).astype(np.float32), targets


def taught(method, *, rows=4000, **thresholds):
    logits, targets = split(rows, seed=1)
    return learn(
        HEADS,
        logits,
        targets,
        calibration=CalibrationConfig(method=method),
        thresholds=ThresholdsConfig(**thresholds),
    )


def test_each_head_is_calibrated_in_the_way_of_its_task():
    learned = taught("platt").calibration
    assert {name: own.method for name, own in learned.items()} == {
        "emotion": "platt",
        "mood": "temperature",
        "strength": "temperature",
    }
    slopes = np.concatenate([own.slopes for own in learned.values()])
    np.testing.assert_allclose(slopes, 1 / 3, rtol=0.1)
    assert {own.method for own in taught("temperature").calibration.values()} == {"temperature"}
    assert taught("none").calibration == {}


def test_labels_with_thresholds_are_decided_alike_whatever_the_method():
    logits, _ = split(5000, seed=2)
    for objective in ({}, {"objective": "precision_floor", "precision": 0.6}):
        decided = []
        for method in METHODS:
            learned = taught(method, **objective)
            scores = scores_of(HEADS, tf.constant(logits), learned.calibration).numpy()
            decided.append(decide(HEADS, scores, learned.thresholds.tolist())[:, :3])
        assert decided[0].any(axis=0).all()
        np.testing.assert_array_equal(decided[1], decided[0])
        np.testing.assert_array_equal(decided[2], decided[0])


def test_the_metric_and_the_loss_do_not_depend_on_the_method_of_labels_with_thresholds():
    logits, targets = split(1000, seed=3)
    judged = [judge(HEADS, logits, targets, taught(method)) for method in METHODS]
    assert len({one.loss for one in judged}) == 1
    for name in ("emotion", "mood", "affect"):
        assert len({one.by_head[name] for one in judged}) == 1


def test_without_calibration_thresholds_are_those_of_the_plain_scores():
    logits, targets = split(4000, seed=1)
    scores = scores_of(HEADS, tf.constant(logits)).numpy()[:, :3]
    learned = taught("none")
    np.testing.assert_allclose(learned.thresholds[:3], tune_thresholds(scores, targets[:, :3]), rtol=1e-3)
    assert not learned.thresholds[3:].any()


@pytest.mark.parametrize("method", METHODS)
def test_a_split_that_tells_nothing_calibrates_nothing(method):
    targets = np.zeros((5, 10), np.float32)
    targets[:, 3:] = np.nan
    learned = learn(
        HEADS,
        np.zeros((5, 9), np.float32),
        targets,
        calibration=CalibrationConfig(method=method),
        thresholds=ThresholdsConfig(),
    )
    assert learned.calibration == {}
    assert learned.thresholds[:3].tolist() == [0.5] * 3


def test_a_network_that_diverged_is_an_error():
    logits, targets = split(5, seed=5)
    logits[2, 1] = np.nan
    with pytest.raises(StageError, match=r"lower trainer\.learning_rate"):
        learn(HEADS, logits, targets, calibration=CalibrationConfig(), thresholds=ThresholdsConfig())


def test_it_is_kept_as_json():
    learned = taught("platt", rows=200)
    kept = Learned.of(json.loads(json.dumps(learned.document())))
    assert kept.calibration == learned.calibration
    np.testing.assert_array_equal(kept.thresholds, learned.thresholds)


def test_a_temperature_of_one_changes_nothing():
    logits, _ = split(20, seed=4)
    own = {"mood": taught("temperature", rows=200).calibration["mood"].of_temperature(1.0, 3)}
    np.testing.assert_array_equal(calibrated(HEADS, own, logits), logits)
