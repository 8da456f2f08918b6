import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.metrics import f1_score

from components.evaluation.thresholds import tune_thresholds

# Few distinct values, so that equal scores and the edges 0 and 1 come up often.
_scores = st.sampled_from([0.0, 0.125, 0.25, 0.5, 0.625, 0.75, 0.875, 1.0])


@st.composite
def splits(draw: st.DrawFn) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    shape = draw(st.tuples(st.integers(1, 12), st.integers(1, 4)))
    scores = draw(arrays(np.float32, shape, elements=_scores))
    return scores, draw(arrays(np.uint8, shape, elements=st.integers(0, 1)))


def logit(probability):
    return np.log(probability) - np.log1p(-probability)


def sigmoid(value):
    return 1 / (1 + np.exp(-value))


def draw_rows(random, rows, *, labels=20, rate=0.03):
    """Probabilities that are calibrated, and targets drawn from them: most rows are easy, some are not."""
    logits = random.normal(logit(rate) - 1, 1.8, (rows, labels))
    return sigmoid(logits).astype(np.float32), (random.random(logits.shape) < sigmoid(logits)).astype(
        np.uint8
    )


def macro_f1(scores, targets, thresholds):
    return f1_score(targets, scores >= thresholds, average="macro", zero_division=0.0)


def own_best_cuts(scores, targets):
    """The cut of each label that is best on these very rows: all are tried."""
    cuts = []
    for column, marks in zip(scores.T, targets.T, strict=True):
        order = np.argsort(-column)
        hits = np.cumsum(marks[order])
        best = np.argmax(2 * hits / (np.arange(1, len(order) + 1) + marks.sum()))
        cuts.append(column[order][best])
    return np.array(cuts, np.float32)


def most_probable(logits, marks, prior, precision):
    """Offset and slope of one logistic regression, by a minimiser of another make."""

    def loss(parameters):
        margins = np.where(marks, -1, 1) * (parameters[0] + parameters[1] * logits)
        return np.logaddexp(0, margins).sum() + (precision * (parameters - prior) ** 2).sum() / 2

    return minimize(loss, prior, method="BFGS", options={"gtol": 1e-8}).x


def test_the_thresholds_maximise_the_expected_f1_of_calibrated_scores():
    scores, targets = draw_rows(np.random.default_rng(3), 400, labels=4, rate=0.1)
    tuned = tune_thresholds(scores, targets)
    logits = logit(scores.astype(np.float64))
    common = most_probable(logits.ravel(), targets.ravel(), np.array([0.0, 1.0]), np.array([1.0, 1.0]))
    for column in range(4):
        own = most_probable(logits[:, column], targets[:, column], common, np.array([30.0, 300.0]))
        probabilities = sigmoid(own[0] + own[1] * logits[:, column])

        def expected_f1(threshold, probabilities=probabilities, column=column):
            taken = scores[:, column] >= threshold
            return 2 * probabilities[taken].sum() / (taken.sum() + probabilities.sum())

        best = max(expected_f1(score) for score in scores[:, column])
        assert expected_f1(tuned[column]) == pytest.approx(best, abs=1e-9)


@given(splits())
@settings(max_examples=200, deadline=None)
def test_whatever_the_split_thresholds_lie_inside_zero_and_one(split):
    scores, targets = split
    tuned = tune_thresholds(scores, targets)
    assert tuned.dtype == np.float32
    assert tuned.shape == (scores.shape[1],)
    assert ((tuned > 0) & (tuned < 1)).all()


@given(splits(), st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_the_order_of_rows_and_labels_does_not_matter(split, random):
    scores, targets = split
    rows, labels = (random.sample(range(size), size) for size in scores.shape)
    shuffled = tune_thresholds(scores[rows][:, labels], targets[rows][:, labels])
    assert shuffled == pytest.approx(tune_thresholds(scores, targets)[labels], abs=1e-5)


def test_it_beats_each_labels_own_best_cut_on_unseen_rows():
    """Fifteen positives a label: the own optimum of such a sample misses the optimum of the population."""
    random = np.random.default_rng(5)
    gains = []
    for _ in range(10):
        tuning, unseen = draw_rows(random, 500), draw_rows(random, 4000)
        gains.append(macro_f1(*unseen, tune_thresholds(*tuning)) - macro_f1(*unseen, own_best_cuts(*tuning)))
    assert np.mean(gains) > 0.02
    assert np.mean(np.array(gains) > 0) >= 0.9


def test_scores_need_not_be_calibrated():
    """Overconfident scores, all too high, are decided as well as the probabilities that they come from."""
    random = np.random.default_rng(6)
    tuning, unseen = draw_rows(random, 2000), draw_rows(random, 4000)

    def distorted(scores):
        return sigmoid(2 * logit(scores) + 3)

    honest = macro_f1(*unseen, tune_thresholds(*tuning))
    thresholds = tune_thresholds(distorted(tuning[0]), tuning[1])
    assert macro_f1(distorted(unseen[0]), unseen[1], thresholds) == pytest.approx(honest, abs=0.01)


def test_a_label_that_is_scored_too_low_gets_a_lower_threshold():
    random = np.random.default_rng(7)
    scores, targets = draw_rows(random, 5000, labels=6, rate=0.1)
    scores[:, 0] = sigmoid(logit(scores[:, 0]) - 2)
    tuned = tune_thresholds(scores, targets)
    assert logit(tuned[0]) == pytest.approx(logit(tuned[1:]).mean() - 2, abs=0.4)


def test_a_label_without_positives_takes_the_mean_of_the_others():
    scores, targets = draw_rows(np.random.default_rng(8), 500, labels=3, rate=0.1)
    targets[:, 1] = 0
    tuned = tune_thresholds(scores, targets)
    assert logit(tuned[1]) == pytest.approx(logit(tuned[[0, 2]]).mean(), abs=1e-5)


@pytest.mark.parametrize("rows", [0, 3])
def test_without_any_positive_there_is_no_evidence(rows):
    scores, targets = np.full((rows, 2), 0.9, np.float32), np.zeros((rows, 2), np.uint8)
    assert tune_thresholds(scores, targets).tolist() == [0.5, 0.5]


def test_perfect_scores_are_told_apart():
    targets = np.eye(4, dtype=np.uint8).repeat(3, axis=0)
    scores = np.where(targets, 1.0, 0.0).astype(np.float32)
    assert ((scores >= tune_thresholds(scores, targets)) == targets).all()


def test_a_million_scores_take_less_than_a_few_seconds():
    random = np.random.default_rng(0)
    scores = random.random((40_000, 28), dtype=np.float32)
    targets = (random.random(scores.shape) < scores * 0.1).astype(np.uint8)
    started = time.process_time()
    tune_thresholds(scores, targets)
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("scores", "targets", "message"),
    [
        ([[0.5]], [[1, 0]], "expected \\[rows, labels\\] twice"),
        ([0.5], [1], "expected \\[rows, labels\\] twice"),
        ([[float("nan")]], [[1]], "NaN or a value outside"),
        ([[1.5]], [[1]], "NaN or a value outside"),
        ([[0.5]], [[2]], "targets must be 0 or 1"),
    ],
)
def test_what_is_no_split_is_refused(scores, targets, message):
    with pytest.raises(ValueError, match=message):
        tune_thresholds(np.array(scores), np.array(targets))
