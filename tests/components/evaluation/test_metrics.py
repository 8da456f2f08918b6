import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as oracle

from components.evaluation.metrics import Counts, average_precision


@st.composite
def decisions_and_targets(draw: st.DrawFn):
    # Two labels at least: scikit-learn reads a single column as a binary problem.
    shape = draw(st.tuples(st.integers(1, 30), st.integers(2, 6)))
    share = draw(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    decisions = rng.random(shape) < share
    targets = (rng.random(shape) < draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))).astype(np.uint8)
    silent = draw(st.integers(0, shape[1] - 1))
    targets[:, silent] = 0
    return decisions, targets


@given(decisions_and_targets())
@settings(max_examples=250, deadline=None)
def test_f1_metrics_equal_scikit_learn(case):
    decisions, targets = case
    counts = Counts.of(decisions, targets)
    precision, recall, f1, support = oracle.precision_recall_fscore_support(
        targets, decisions, average=None, zero_division=0
    )
    assert counts.precision == pytest.approx(precision, abs=1e-9)
    assert counts.recall == pytest.approx(recall, abs=1e-9)
    assert counts.f1 == pytest.approx(f1, abs=1e-9)
    assert counts.support.tolist() == support.tolist()
    for average, measured in (
        ("macro", counts.macro_f1),
        ("micro", counts.micro_f1),
        ("weighted", counts.weighted_f1),
    ):
        expected = oracle.f1_score(targets, decisions, average=average, zero_division=0)
        assert measured == pytest.approx(expected, abs=1e-9), average
    assert counts.subset_accuracy == pytest.approx(oracle.accuracy_score(targets, decisions), abs=1e-9)


@given(
    arrays(np.float32, st.integers(1, 40), elements=st.sampled_from([0.0, 0.1, 0.2, 0.5, 0.9, 1.0])),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=200, deadline=None)
def test_average_precision_equals_scikit_learn_with_ties(scores, seed):
    targets = np.random.default_rng(seed).integers(0, 2, size=len(scores))
    (measured,) = average_precision(scores[:, None], targets[:, None])
    if targets.any():
        assert measured == pytest.approx(oracle.average_precision_score(targets, scores), abs=1e-9)
    else:
        assert np.isnan(measured)


@given(decisions_and_targets(), st.integers(0, 30))
@settings(max_examples=50, deadline=None)
def test_counts_of_parts_add_up(case, cut):
    decisions, targets = case
    whole = Counts.of(decisions, targets)
    parts = Counts.zero(targets.shape[1])
    for part in (slice(cut), slice(cut, None)):
        parts = parts + Counts.of(decisions[part], targets[part])
    assert parts.true_positives.tolist() == whole.true_positives.tolist()
    assert parts.false_positives.tolist() == whole.false_positives.tolist()
    assert parts.false_negatives.tolist() == whole.false_negatives.tolist()
    assert (parts.rows, parts.exact_rows) == (whole.rows, whole.exact_rows)
    assert parts.macro_f1 == whole.macro_f1


def test_metrics_of_no_rows_are_no_numbers():
    counts = Counts.of(np.zeros((0, 3), bool), np.zeros((0, 3), np.uint8))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = [counts.macro_f1, counts.micro_f1, counts.weighted_f1, counts.subset_accuracy]
    assert np.isnan(values).all()


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"decisions are \[2, 2\], targets \[2, 3\]"):
        Counts.of(np.zeros((2, 2)), np.zeros((2, 3)))
