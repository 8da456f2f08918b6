import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from components.evaluation.head_measurement import compare_heads, measure_head
from components.evaluation.head_rows import HeadRows
from components.evaluation.reliability import measure_reliability, uncalibrated
from components.evaluation.thresholds_config import ThresholdsConfig
from components.modeling.calibration import HeadCalibration
from components.modeling.calibration_config import CalibrationConfig
from components.modeling.head_layers import scores_of
from components.modeling.heads import Head
from components.modeling.training.learned import learn

LABELS = ("joy", "fear", "anger")
OPTIONS = {"bins": 10, "resamples": 200, "seed": 0}


def rows_of(head, scores, targets):
    scores, targets = np.float32(scores), np.float32(targets)
    return HeadRows(head, np.arange(len(scores)), scores, scores >= 0.5, targets, (0.5,) * len(head.outputs))


def measured(task, scores, targets, calibration=None):
    head = Head(task=task, outputs=LABELS)
    own = {} if calibration is None else {head.name: calibration}
    return measure_reliability(rows_of(head, scores, targets), own, **OPTIONS)["calibration"]


def multi_label(random, rows):
    scores = random.random((rows, 3)).astype(np.float32) ** 3
    return scores, random.random(scores.shape) < scores


def single_label(random, rows):
    scores = random.dirichlet([0.5, 1, 2], rows).astype(np.float32)
    drawn = (random.random((rows, 1)) > scores.cumsum(axis=1)[:, :2]).sum(axis=1)
    return scores, np.eye(3)[drawn]


def test_of_several_labels_every_score_counts():
    scores, targets = multi_label(np.random.default_rng(1), 500)
    found = measured("multi_label", scores, targets)
    assert found["method"] == "none"
    assert "before" not in found
    assert found["brier"]["value"] == pytest.approx(
        np.mean([brier_score_loss(targets[:, label], scores[:, label]) for label in range(3)]), abs=1e-6
    )
    filled = [one for one in found["bins"] if one["count"]]
    shares, means = calibration_curve(targets.ravel(), scores.ravel(), n_bins=10)
    assert [one["share"] for one in filled] == pytest.approx(shares.tolist())
    assert [one["mean_score"] for one in filled] == pytest.approx(means.tolist(), abs=1e-6)
    assert sum(one["count"] for one in filled) == 1500
    counts = np.array([one["count"] for one in filled])
    assert found["ece"]["value"] == pytest.approx(np.abs(shares - means) @ counts / 1500, abs=1e-6)


def test_of_one_label_the_likeliest_counts():
    scores, targets = single_label(np.random.default_rng(2), 400)
    found = measured("single_label", scores, targets)
    right = targets.argmax(axis=1)
    assert found["brier"]["value"] == pytest.approx(
        brier_score_loss(right, scores, scale_by_half=False), abs=1e-6
    )
    shares, means = calibration_curve(scores.argmax(axis=1) == right, scores.max(axis=1), n_bins=10)
    assert [one["share"] for one in found["bins"] if one["count"]] == pytest.approx(shares.tolist())
    assert [one["mean_score"] for one in found["bins"] if one["count"]] == pytest.approx(
        means.tolist(), abs=1e-6
    )
    assert sum(one["count"] for one in found["bins"]) == 400


@pytest.mark.parametrize(("task", "draw"), [("multi_label", multi_label), ("ordinal", single_label)])
def test_each_label_is_measured_against_all_others(task, draw):
    scores, targets = draw(np.random.default_rng(3), 300)
    for label, row in enumerate(measured(task, scores, targets)["labels"]):
        alone = measure_reliability(
            rows_of(Head(outputs=LABELS[:1]), scores[:, label : label + 1], targets[:, label : label + 1]),
            {},
            **OPTIONS,
        )["calibration"]
        assert row["label"] == LABELS[label]
        assert row["ece"] == pytest.approx(alone["ece"]["value"])
        assert row["brier"] == pytest.approx(brier_score_loss(targets[:, label], scores[:, label]), abs=1e-6)


def test_intervals_hold_what_another_test_set_of_that_size_gives():
    random = np.random.default_rng(4)
    spoiled = [
        (np.sqrt(scores), targets) for scores, targets in (multi_label(random, 400) for _ in range(60))
    ]
    values = [measured("multi_label", *one) for one in spoiled]
    for name in ("ece", "brier"):
        truth = np.mean([one[name]["value"] for one in values])
        covered = [one[name]["low"] <= truth <= one[name]["high"] for one in values]
        assert all(one[name]["low"] <= one[name]["value"] <= one[name]["high"] for one in values)
        assert np.mean(covered) > 0.85


@given(st.integers(1, 30), st.integers(0, 2**32 - 1), st.sampled_from(["multi_label", "single_label"]))
@settings(max_examples=40)
def test_errors_are_within_their_scale_for_few_rows_too(rows, seed, task):
    random = np.random.default_rng(seed)
    scores, targets = (multi_label if task == "multi_label" else single_label)(random, rows)
    found = measured(task, scores, targets)
    for name, most in (("ece", 1), ("brier", 1 if task == "multi_label" else 2)):
        figure = found[name]
        assert 0 <= figure["low"] <= figure["value"] + 1e-9
        assert figure["value"] <= min(figure["high"], most) + 1e-9


def test_perfect_scores_have_no_error_and_the_last_bin():
    targets = np.eye(3)[[0, 1, 2, 1]]
    for task in ("multi_label", "single_label"):
        found = measured(task, targets, targets)
        assert found["ece"] == found["brier"] == {"value": 0.0, "low": 0.0, "high": 0.0}
        assert found["bins"][-1]["share"] == 1


def test_scores_that_are_no_numbers_give_no_figures():
    scores, targets = multi_label(np.random.default_rng(5), 20)
    scores[3, 1] = np.nan
    found = measured("multi_label", scores, targets)
    assert np.isnan([found["ece"]["value"], found["brier"]["value"], found["labels"][1]["ece"]]).all()
    assert np.isfinite(found["labels"][0]["ece"])


def test_numbers_of_a_regression_have_no_calibration():
    head = Head(task="regression", outputs=("valence",), mean=(0.0,), std=(1.0,))
    assert measure_reliability(rows_of(head, [[1.0]], [[2.0]]), {}, **OPTIONS) == {}


@pytest.mark.parametrize("task", ["multi_label", "single_label", "ordinal"])
def test_calibration_takes_the_error_away_and_what_was_before_is_told(task):
    """Scores thrice as sure as the truth; learned from one half of the texts, measured on the other."""
    random = np.random.default_rng(6)
    head = Head(task=task, outputs=LABELS)
    true = random.normal(0, 1.2, (4000, head.logits)) - np.arange(head.logits)
    if task == "ordinal":
        true[:, 1] = true[:, 0] - 1.5
    shares = scores_of([head], tf.constant(true, tf.float32)).numpy()
    targets = random.random(shares.shape) < shares
    if task != "multi_label":
        drawn = (random.random((4000, 1)) > shares.cumsum(axis=1)[:, :2]).sum(axis=1)
        targets = np.eye(3)[drawn]
    logits, targets = np.float32(3 * true), np.float32(targets)
    learned = learn(
        [head], logits[:2000], targets[:2000], calibration=CalibrationConfig(), thresholds=ThresholdsConfig()
    ).calibration
    plain, scores = (scores_of([head], tf.constant(logits[2000:]), own).numpy() for own in ({}, learned))
    rows = rows_of(head, scores, targets[2000:])
    found = measure_reliability(rows, learned, **OPTIONS)["calibration"]
    assert found["ece"]["high"] < 0.5 * found["before"]["ece"]["low"]
    assert found["brier"]["high"] < found["before"]["brier"]["value"]
    before = rows_of(head, plain, targets[2000:])
    resampling = {"resamples": 200, "seed": 0}
    compared = compare_heads(measure_head(rows, **resampling), rows, before, bins=10, **resampling)
    changes = compared["changes"]
    assert changes["ece"]["high"] < 0
    assert changes["brier"]["high"] < 0
    told = measure_reliability(before, {}, **OPTIONS)["calibration"]
    assert changes["ece"]["value"] == pytest.approx(found["ece"]["value"] - told["ece"]["value"])
    assert found["before"]["ece"]["value"] == pytest.approx(told["ece"]["value"], abs=1e-3)
    assert found["before"]["brier"]["value"] == pytest.approx(told["brier"]["value"], abs=1e-4)


@given(st.floats(0.2, 5), st.floats(-3, 3))
def test_calibration_can_be_taken_off_again(slope, offset):
    logits = np.linspace(-3, 3, 12).reshape(4, 3)
    own = HeadCalibration(method="platt", slopes=(slope, 1.0, 0.5), offsets=(offset, 0.0, 1.0))
    scores = expit(logits * own.slopes + own.offsets).astype(np.float32)
    head = Head(outputs=LABELS)
    np.testing.assert_allclose(uncalibrated(head, own, scores)[:, 1:], expit(logits)[:, 1:], atol=1e-5)
    inside = (scores[:, 0] > 1e-3) & (scores[:, 0] < 1 - 1e-3)
    np.testing.assert_allclose(
        uncalibrated(head, own, scores)[inside, 0], expit(logits)[inside, 0], atol=1e-3
    )
