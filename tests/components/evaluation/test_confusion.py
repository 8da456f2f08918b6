import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from components.evaluation.confusion import Confusion


@st.composite
def right_and_decided(draw: st.DrawFn):
    labels = draw(st.integers(2, 6))
    numbers = st.lists(st.integers(0, labels - 1), min_size=1, max_size=40)
    right = np.array(draw(numbers))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kept = rng.random(len(right)) < draw(st.sampled_from([0.0, 0.5, 1.0]))
    return right, np.where(kept, right, rng.integers(labels, size=len(right))), labels


@given(right_and_decided())
@settings(max_examples=200, deadline=None)
def test_metrics_equal_scikit_learn(case):
    right, decided, labels = case
    names = list(range(labels))
    found = Confusion.of(right, decided, labels=labels)
    assert found.counts.tolist() == oracle.confusion_matrix(right, decided, labels=names).tolist()
    precision, recall, f1, support = oracle.precision_recall_fscore_support(
        right, decided, labels=names, zero_division=0
    )
    assert found.precision == pytest.approx(precision)
    assert found.recall == pytest.approx(recall)
    assert found.f1 == pytest.approx(f1)
    assert found.support.tolist() == support.tolist()
    for average, value in (("macro", found.macro_f1), ("weighted", found.weighted_f1)):
        expected = oracle.f1_score(right, decided, labels=names, average=average, zero_division=0)
        assert float(value) == pytest.approx(expected), average
    assert float(found.accuracy) == pytest.approx(oracle.accuracy_score(right, decided))
    assert float(found.rank_error) == pytest.approx(oracle.mean_absolute_error(right, decided))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # A decided label that is never right.
        balanced = oracle.balanced_accuracy_score(right, decided)
        kappa = oracle.cohen_kappa_score(right, decided, labels=names, weights="quadratic")
    assert float(found.balanced_accuracy) == pytest.approx(balanced)
    assert float(found.quadratic_kappa) == pytest.approx(0.0 if np.isnan(kappa) else kappa)


def test_a_resample_is_the_matrix_of_the_drawn_rows():
    rng = np.random.default_rng(0)
    right, decided = rng.integers(3, size=(2, 50))
    resampled = Confusion.resampled(right, decided, labels=3, resamples=20, seed=3)
    drawn = np.random.default_rng(3).integers(50, size=(20, 50))
    for index, rows in enumerate(drawn):
        expected = Confusion.of(right[rows], decided[rows], labels=3)
        assert resampled.counts[index].tolist() == expected.counts.tolist()
        assert resampled.quadratic_kappa[index] == pytest.approx(float(expected.quadratic_kappa))
        assert resampled.balanced_accuracy[index] == pytest.approx(float(expected.balanced_accuracy))
