import math
import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from components.data.statistics.distribution import Distribution
from components.data.statistics.profile import ROUNDING_ERROR

NUMBERS = st.lists(st.one_of(st.integers(-50, 50), st.floats(-1e6, 1e6)), min_size=1, max_size=60)


def distribution(numbers, **limit):
    counted = Distribution(**limit)
    counted.add_all(numbers)
    return counted


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
    assert [profile.quantile(step / 4) for step in range(5)] == pytest.approx(
        np.quantile(numbers, [0, 0.25, 0.5, 0.75, 1]), rel=1e-9, abs=1e-6
    )


@given(NUMBERS, st.integers(1, 12))
@example([0.0, 5e-324], 5)
@example([1.0, np.nextafter(1.0, 2)], 10)
@example([0.5, 0.5], 3)
@example([1e22, 1e22 + 2097152], 7)
def test_histograms_count_everything_once(numbers, buckets):
    counts, edges = distribution(numbers).extract().histogram(buckets)
    assert counts.sum() == len(numbers)
    assert counts.tolist() == np.histogram(numbers, bins=edges)[0].tolist()
    assert len(counts) <= buckets
    assert edges[0] <= min(numbers)
    assert edges[-1] >= max(numbers)


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


@given(NUMBERS, st.integers(0, 60), st.sampled_from([3, 1000]))
def test_parts_can_be_merged_in_any_order(numbers, cut, limit):
    first, second = (distribution(part, limit=limit) for part in (numbers[:cut], numbers[cut:]))
    forwards, backwards = (Distribution(limit=limit) for _ in range(2))
    for part in (first, second):
        forwards.merge(pickle.loads(pickle.dumps(part)))
    for part in (second, first):
        backwards.merge(part)
    assert forwards == backwards == distribution(numbers, limit=limit)


@given(NUMBERS)
def test_of_many_numbers_sums_are_exact_and_quantiles_within_the_stated_error(numbers):
    profile = distribution(numbers, limit=2).extract()
    if len(set(numbers)) <= 2:
        assert profile.relative_error == 0
        return
    assert profile.relative_error == ROUNDING_ERROR
    assert (profile.minimum, profile.maximum) == (min(numbers), max(numbers))
    assert profile.mean == pytest.approx(math.fsum(numbers) / len(numbers), rel=1e-15, abs=1e-300)
    assert profile.standard_deviation == pytest.approx(np.std(numbers), rel=1e-9, abs=1e-6)
    for rank, number in enumerate(sorted(numbers)):
        found = profile.quantile(rank / (len(numbers) - 1))
        assert abs(found - number) <= max(abs(number) * ROUNDING_ERROR, 1e-9 * max(map(abs, numbers)))
    counts, edges = profile.histogram(7)
    assert counts.sum() == len(numbers)
    assert (edges[0], edges[-1]) == (pytest.approx(min(numbers)), pytest.approx(edges[-1]))


def test_the_standard_deviation_survives_a_large_mean():
    numbers = [1e8 + step / 1024 for step in range(1000)]
    assert distribution(numbers, limit=10).extract().standard_deviation == pytest.approx(
        np.std(numbers), rel=1e-9
    )


def test_memory_is_bounded_whatever_comes():
    numbers = np.random.default_rng(1).lognormal(size=200_000)
    counted = distribution(numbers.tolist(), limit=5000)
    assert len(counted.counts) < 30_000
    for q in (0.01, 0.5, 0.99):
        assert counted.extract().quantile(q) == pytest.approx(np.quantile(numbers, q), rel=2 * ROUNDING_ERROR)


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
    entry = Distribution(Counter([1, 2, 2, 5])).extract().to_json(5)
    assert entry == {
        "min": 1.0,
        "mean": 2.5,
        "median": 2.0,
        "p95": pytest.approx(4.55),
        "max": 5.0,
        "histogram": {"edges": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "counts": [1, 2, 0, 0, 1]},
    }
