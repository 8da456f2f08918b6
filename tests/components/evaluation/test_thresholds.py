import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from components.evaluation.thresholds import global_threshold, tune_thresholds

# Few distinct values, so that equal scores and the edges 0 and 1 come up often.
_scores = st.sampled_from([0.0, 0.125, 0.25, 0.5, 0.625, 0.75, 0.875, 1.0])


@st.composite
def splits(draw: st.DrawFn) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    shape = draw(st.tuples(st.integers(1, 12), st.integers(1, 4)))
    scores = draw(arrays(np.float32, shape, elements=_scores))
    return scores, draw(arrays(np.uint8, shape, elements=st.integers(0, 1)))


def all_cuts(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """One threshold between any two neighbouring scores, and one on either side of all."""
    distinct = np.unique(np.append(scores.astype(np.float64), (0.0, 1.0)))
    return np.concatenate([(distinct[1:] + distinct[:-1]) / 2, [1e-6, 1 - 1e-6]])


def f1(scores: NDArray[np.float32], targets: NDArray[np.uint8], threshold: float) -> float:
    taken = scores >= np.float32(threshold)
    missed_or_wrong = np.count_nonzero(taken != targets)
    hits = np.count_nonzero(taken & (targets == 1))
    return 2 * hits / (2 * hits + missed_or_wrong) if hits else 0.0


def macro_f1(scores: NDArray[np.float32], targets: NDArray[np.uint8], thresholds: object) -> float:
    columns = np.broadcast_to(np.asarray(thresholds, np.float32), scores.shape[1])
    return float(np.mean([f1(scores[:, c], targets[:, c], cut) for c, cut in enumerate(columns)]))


@given(splits())
@settings(max_examples=150, deadline=None)
def test_without_shrinkage_no_cut_is_better(split):
    scores, targets = split
    tuned = tune_thresholds(scores, targets, shrinkage=0)
    for column, threshold in enumerate(tuned):
        best = max(f1(scores[:, column], targets[:, column], cut) for cut in all_cuts(scores[:, column]))
        assert f1(scores[:, column], targets[:, column], threshold) == pytest.approx(best, abs=1e-12)


@given(splits())
@settings(max_examples=150, deadline=None)
def test_no_common_cut_has_a_better_macro_f1(split):
    scores, targets = split
    common = global_threshold(scores, targets)
    best = max(macro_f1(scores, targets, cut) for cut in all_cuts(scores))
    assert macro_f1(scores, targets, common) == pytest.approx(best, abs=1e-12)


@given(splits(), st.floats(0, 1e6))
@settings(max_examples=100, deadline=None)
def test_every_threshold_lies_inside_and_between_the_own_optimum_and_the_common_one(split, shrinkage):
    scores, targets = split
    own = tune_thresholds(scores, targets, shrinkage=0)
    common = np.float32(global_threshold(scores, targets))
    tuned = tune_thresholds(scores, targets, shrinkage=shrinkage)
    assert tuned.dtype == np.float32
    assert ((tuned > 0) & (tuned < 1)).all()
    assert (tuned >= np.minimum(own, common) - 1e-6).all()
    assert (tuned <= np.maximum(own, common) + 1e-6).all()


def test_the_weight_of_the_own_optimum_is_its_share_of_positives():
    scores = np.array([[0.9, 0.3], [0.8, 0.2], [0.7, 0.1], [0.1, 0.05]], np.float32)
    targets = np.array([[1, 1], [1, 0], [0, 0], [0, 0]], np.uint8)
    own = tune_thresholds(scores, targets, shrinkage=0).astype(np.float64)
    common = global_threshold(scores, targets)
    tuned = tune_thresholds(scores, targets, shrinkage=6)

    def logit(probability):
        return np.log(probability / (1 - probability))

    weights = np.array([2 / 8, 1 / 7])
    expected = logit(common) + weights * (logit(own) - logit(common))
    assert logit(tuned.astype(np.float64)) == pytest.approx(expected, abs=1e-5)


def test_labels_without_positives_take_the_common_threshold():
    scores = np.array([[0.9, 0.6], [0.2, 0.9], [0.1, 0.1]], np.float32)
    targets = np.array([[1, 0], [0, 0], [0, 0]], np.uint8)
    tuned = tune_thresholds(scores, targets)
    assert tuned[1] == np.float32(global_threshold(scores, targets))


def test_without_any_positive_there_is_no_evidence():
    assert tune_thresholds(np.full((3, 2), 0.9, np.float32), np.zeros((3, 2), np.uint8)).tolist() == [
        0.5,
        0.5,
    ]
    assert tune_thresholds(np.zeros((0, 2), np.float32), np.zeros((0, 2), np.uint8)).tolist() == [0.5, 0.5]


def test_shrinkage_helps_rare_labels_on_unseen_rows():
    """Fifteen positives a label: the own optimum of such a sample misses the optimum of the population."""
    rng = np.random.default_rng(5)

    def draw(rows):
        targets = (rng.random((rows, 20)) < 0.03).astype(np.uint8)
        logits = rng.normal(-3 + 2.0 * targets, 1.2)
        return (1 / (1 + np.exp(-logits))).astype(np.float32), targets

    gains = []
    for _ in range(10):
        tuning, unseen = draw(500), draw(4000)
        shrunk = macro_f1(*unseen, tune_thresholds(*tuning))
        gains.append(shrunk - macro_f1(*unseen, tune_thresholds(*tuning, shrinkage=0)))
    assert np.mean(gains) > 0.005
    assert np.mean(np.array(gains) > 0) >= 0.8


def test_a_million_scores_take_less_than_a_few_seconds():
    rng = np.random.default_rng(0)
    scores = rng.random((40_000, 28), dtype=np.float32)
    targets = (rng.random(scores.shape) < scores * 0.1).astype(np.uint8)
    started = time.process_time()
    tune_thresholds(scores, targets)
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("scores", "targets", "shrinkage", "message"),
    [
        ([[0.5]], [[1, 0]], 1, "expected \\[rows, labels\\] twice"),
        ([0.5], [1], 1, "expected \\[rows, labels\\] twice"),
        ([[float("nan")]], [[1]], 1, "NaN or a value outside"),
        ([[1.5]], [[1]], 1, "NaN or a value outside"),
        ([[0.5]], [[2]], 1, "targets must be 0 or 1"),
        ([[0.5]], [[1]], -1, "shrinkage is -1"),
        ([[0.5]], [[1]], float("nan"), "shrinkage is nan"),
    ],
)
def test_what_is_no_split_is_refused(scores, targets, shrinkage, message):
    with pytest.raises(ValueError, match=message):
        tune_thresholds(np.array(scores), np.array(targets), shrinkage=shrinkage)
