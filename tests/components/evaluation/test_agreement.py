import numpy as np
import pytest

from components.evaluation.agreement import Agreement


def numbers(rows: int, targets: int, seed: int):
    rng = np.random.default_rng(seed)
    right = rng.normal(3, 1, (rows, targets)).round(1).astype(np.float32)
    return (0.5 * right + rng.normal(2, 0.5, right.shape)).round(1).astype(np.float32), right


def test_what_does_not_vary_correlates_with_nothing():
    right = np.array([[1.0], [2.0], [3.0]], np.float32)
    constant = np.full_like(right, 1234.567)
    for predicted, actual in ((constant, right), (right, constant), (constant, constant)):
        found = Agreement.of(predicted, actual)
        assert (found.pearson[0], found.ccc[0]) == (0, 0)
        parts = Agreement.zero(1) + Agreement.of(predicted[:1], actual[:1])
        parts += Agreement.of(predicted[1:], actual[1:])
        assert (parts.pearson[0], parts.ccc[0]) == (0, 0)


def test_large_numbers_lose_no_digits():
    predicted, right = numbers(50, 1, 0)
    found = Agreement.of(predicted.astype(np.float64) + 1e7, right.astype(np.float64) + 1e7)
    assert found.pearson == pytest.approx(Agreement.of(predicted, right).pearson, abs=1e-6)


def test_parts_far_from_each_other_add_up():
    predicted, right = (values.astype(np.float64) for values in numbers(60, 2, 2))
    order = np.argsort(right[:, 0])
    predicted[order[:20]] -= 1e6
    right[order[:20]] -= 1e6
    parts = Agreement.zero(2)
    for part in (order[40:], order[:20], order[20:40]):
        parts += Agreement.of(predicted[part], right[part])
    whole = Agreement.of(predicted, right)
    for metric in ("pearson", "ccc", "mae", "rmse", "means", "deviations"):
        assert getattr(parts, metric) == pytest.approx(getattr(whole, metric), rel=1e-9), metric


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
    for figures in (found.pearson, found.ccc, found.mae, found.rmse):
        assert np.isnan(figures).tolist() == [True, False]
