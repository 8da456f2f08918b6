import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as oracle

from components.evaluation.agreement import Agreement, spearman


def numbers(rows: int, targets: int, seed: int):
    rng = np.random.default_rng(seed)
    right = rng.normal(3, 1, (rows, targets)).round(1).astype(np.float32)
    return (0.5 * right + rng.normal(2, 0.5, right.shape)).round(1).astype(np.float32), right


@given(st.integers(5, 60), st.integers(1, 4), st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_metrics_equal_scipy_and_scikit_learn(rows, targets, seed):
    predicted, right = numbers(rows, targets, seed)
    found, ranked = Agreement.of(predicted, right), spearman(predicted, right)
    for target in range(targets):
        x, y = predicted[:, target].astype(float), right[:, target].astype(float)
        pearson = stats.pearsonr(x, y).statistic
        assert found.pearson[target] == pytest.approx(pearson, abs=1e-9)
        assert ranked[target] == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-9)
        # Lin's own form of it: correlation times the bias correction.
        shift = (x.mean() - y.mean()) / np.sqrt(x.std() * y.std())
        scale = x.std() / y.std()
        bias_correction = 2 / (scale + 1 / scale + shift**2)
        assert found.ccc[target] == pytest.approx(pearson * bias_correction, abs=1e-9)
        assert found.mae[target] == pytest.approx(oracle.mean_absolute_error(y, x), abs=1e-9)
        assert found.rmse[target] == pytest.approx(oracle.root_mean_squared_error(y, x), abs=1e-9)


def test_what_does_not_vary_correlates_with_nothing():
    right = np.array([[1.0], [2.0], [3.0]], np.float32)
    constant = np.full_like(right, 1234.567)
    for predicted, actual in ((constant, right), (right, constant), (constant, constant)):
        found = Agreement.of(predicted, actual)
        assert (found.pearson[0], found.ccc[0], spearman(predicted, actual)[0]) == (0, 0, 0)


def test_large_numbers_lose_no_digits():
    predicted, right = numbers(50, 1, 0)
    found = Agreement.of(predicted.astype(np.float64) + 1e7, right.astype(np.float64) + 1e7)
    assert found.pearson == pytest.approx(Agreement.of(predicted, right).pearson, abs=1e-6)


def test_a_resample_is_the_agreement_of_the_drawn_rows():
    predicted, right = numbers(40, 2, 1)
    resampled = Agreement.resampled(predicted, right, resamples=20, seed=3)
    drawn = np.random.default_rng(3).integers(40, size=(20, 40))
    for index, rows in enumerate(drawn):
        expected = Agreement.of(predicted[rows], right[rows])
        for metric in ("pearson", "ccc", "mae", "rmse"):
            assert getattr(resampled, metric)[index] == pytest.approx(getattr(expected, metric), abs=1e-9)


def test_numbers_that_are_none_have_no_agreement():
    right = np.array([[1.0, 5], [2.0, 6], [3.0, 7]], np.float32)
    predicted = right.copy()
    predicted[1, 0] = np.nan
    found = Agreement.of(predicted, right)
    for figures in (found.pearson, found.ccc, found.mae, found.rmse, spearman(predicted, right)):
        assert np.isnan(figures).tolist() == [True, False]
