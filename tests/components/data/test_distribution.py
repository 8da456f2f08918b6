import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.data.distribution import Distribution

NUMBERS = st.lists(st.one_of(st.integers(-50, 50), st.floats(-1e6, 1e6)), min_size=1, max_size=60)


def distribution(numbers):
    return Distribution(Counter(numbers))


@given(NUMBERS)
def test_equal_to_numpy(numbers):
    profile = distribution(numbers).extract()
    assert profile.total == len(numbers)
    assert profile.minimum == min(numbers)
    assert profile.maximum == max(numbers)
    assert profile.mean == pytest.approx(np.mean(numbers), rel=1e-9, abs=1e-6)
    assert profile.standard_deviation == pytest.approx(np.std(numbers), rel=1e-9, abs=1e-6)
    for q in (0, 0.1, 0.5, 0.95, 1):
        assert profile.quantile(q) == pytest.approx(np.quantile(numbers, q), rel=1e-9, abs=1e-6)
    assert profile.quantile_edges(4) == pytest.approx(
        np.quantile(numbers, [0, 0.25, 0.5, 0.75, 1]), rel=1e-9, abs=1e-6
    )


@given(NUMBERS, st.integers(1, 12))
def test_histograms_count_everything_once(numbers, buckets):
    counts, edges = distribution(numbers).extract().histogram(buckets)
    assert counts.sum() == len(numbers)
    assert counts.tolist() == np.histogram(numbers, bins=edges)[0].tolist()
    assert len(counts) <= buckets


def test_buckets_of_fractions_are_those_of_numpy():
    numbers = [0.5, 1.25, 3.75, 8.0]
    counts, edges = distribution(numbers).extract().histogram(5)
    expected_counts, expected_edges = np.histogram(numbers, bins=5)
    assert counts.tolist() == expected_counts.tolist()
    assert edges == pytest.approx(expected_edges)


def test_buckets_of_whole_numbers_hold_equally_many_of_them():
    counts, edges = distribution(range(1, 33)).extract().histogram(20)
    assert counts.tolist() == [2] * 16
    assert edges.tolist() == list(range(1, 35, 2))


@given(NUMBERS, st.integers(0, 60))
def test_parts_can_be_merged(numbers, cut):
    merged = distribution(numbers[:cut])
    merged.merge(distribution(numbers[cut:]))
    assert merged.counts == distribution(numbers).counts


def test_an_empty_distribution_has_no_figures():
    profile = Distribution().extract()
    assert profile.total == 0
    assert all(
        math.isnan(value)
        for value in (
            profile.mean,
            profile.standard_deviation,
            profile.minimum,
            profile.maximum,
            profile.quantile(0.5),
        )
    )
    assert set(profile.to_json(5).values()) == {None}


def test_the_report_entry():
    entry = distribution([1, 2, 2, 5]).extract().to_json(5)
    assert entry == {
        "min": 1.0,
        "mean": 2.5,
        "median": 2.0,
        "p95": pytest.approx(4.55),
        "max": 5.0,
        "histogram": {"edges": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "counts": [1, 2, 0, 0, 1]},
    }
