import numpy as np
import pytest
from scipy import stats

from components.evaluation.accumulators.rank_correlation import RankCorrelation


def accumulate(predicted, right, parts, *, most_pairs):
    merged = RankCorrelation(predicted.shape[1], most_pairs=most_pairs)
    for rows in parts:
        part = RankCorrelation(predicted.shape[1], most_pairs=most_pairs)
        part.add(predicted[rows], right[rows])
        merged.merge(part)
    return merged.values


def test_with_fewer_bits_it_hardly_moves_whatever_the_order():
    """With an 85th of the pairs that are kept of each of three targets by default."""
    rng = np.random.default_rng(0)
    right = rng.normal(3, 1, (200_000, 1)).astype(np.float32)
    predicted = (0.5 * right + rng.normal(2, 0.5, right.shape)).astype(np.float32)
    expected = stats.spearmanr(predicted[:, 0], right[:, 0]).statistic
    rows = np.arange(len(right))
    first = accumulate(predicted, right, np.array_split(rows, 5), most_pairs=1 << 16)
    second = accumulate(predicted, right, np.array_split(rng.permutation(rows), 3), most_pairs=1 << 16)
    assert first.tolist() == second.tolist()
    assert first[0] == pytest.approx(expected, abs=1e-4)


def test_a_number_that_is_none_leaves_no_correlation():
    right = np.arange(8, dtype=np.float32).reshape(4, 2)
    predicted = right.copy()
    predicted[1, 0] = np.nan
    values = accumulate(predicted, right, [slice(0, 2), slice(2, 4)], most_pairs=100)
    assert np.isnan(values).tolist() == [True, False]
    assert values[1] == pytest.approx(1.0)
    assert np.isnan(RankCorrelation(1).values).all()
