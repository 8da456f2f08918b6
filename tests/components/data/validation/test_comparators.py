import math

import numpy as np
import pytest
from scipy import stats
from scipy.spatial import distance

from components.data.validation.comparators import (
    chi_square_test,
    cohens_h,
    fisher_exact_test,
    holm,
    two_proportion_test,
)
from serving.distances import jensen_shannon_divergence, l_infinity_distance, normalized_absolute_difference

TABLES = [
    (10, 1000, 30, 1000),
    (40, 5000, 3, 100),
    (0, 50, 4, 60),
    (7, 7, 0, 9),
    (400, 10_000, 430, 10_100),
    (2, 43_410, 9, 5_000),
]


def test_l_infinity_is_of_self_normalised_shares():
    value, distance = l_infinity_distance({"joy": 10, "fear": 10}, {"joy": 600, "fear": 200, "anger": 200})
    assert value == "fear"
    assert distance == pytest.approx(0.3)
    assert l_infinity_distance({"joy": 1}, {"joy": 1000}) == ("joy", 0.0)
    assert l_infinity_distance({}, {}) == ("", 0.0)
    assert l_infinity_distance({}, {"joy": 3}) == ("joy", 1.0)


def test_normalized_absolute_difference_is_of_the_combined_total():
    """TFDV: a growth that leaves shares alone is a difference."""
    assert normalized_absolute_difference({"joy": 10, "fear": 10}, {"joy": 30, "fear": 10}) == (
        "joy",
        pytest.approx(1 / 3),
    )
    assert normalized_absolute_difference({"joy": 5}, {"joy": 5})[1] == 0


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"a": 5, "b": 5}, {"a": 9, "b": 1}),
        ({"a": 1}, {"b": 1}),
        ({"a": 3, "b": 0, "c": 9}, {"a": 1, "b": 7}),
    ],
)
def test_jensen_shannon_is_the_square_of_scipys_distance(first, second):
    values = sorted({**first, **second})
    p, q = ([counts.get(value, 0) for value in values] for counts in (first, second))
    expected = distance.jensenshannon(p, q, base=2) ** 2
    assert jensen_shannon_divergence(first, second) == pytest.approx(expected, abs=1e-12)
    assert jensen_shannon_divergence(first, first) == 0
    assert math.isnan(jensen_shannon_divergence(first, {}))


def test_cohens_h_weighs_rare_values():
    assert cohens_h(0.01, 0.03) == pytest.approx(0.148, abs=1e-3)
    assert cohens_h(0.50, 0.57) == pytest.approx(0.140, abs=1e-3)
    assert cohens_h(0, 1) == pytest.approx(math.pi)


@pytest.mark.parametrize("table", TABLES)
def test_fishers_test_is_scipys(table):
    first, first_rows, second, second_rows = table
    contingency = [[first, first_rows - first], [second, second_rows - second]]
    assert fisher_exact_test(*table) == pytest.approx(stats.fisher_exact(contingency).pvalue, rel=1e-6)


@pytest.mark.parametrize("table", TABLES)
def test_two_proportions(table):
    """The z-test is the chi-square test of the 2 x 2 table where counts allow it, else Fisher's test."""
    first, first_rows, second, second_rows = table
    contingency = np.array([[first, first_rows - first], [second, second_rows - second]])
    if stats.contingency.expected_freq(contingency).min() >= 10:
        expected = stats.chi2_contingency(contingency, correction=False).pvalue
    else:
        expected = stats.fisher_exact(contingency).pvalue
    assert two_proportion_test(*table) == pytest.approx(expected, rel=1e-6)


def test_where_nothing_can_be_told_nothing_is_significant():
    assert two_proportion_test(0, 0, 5, 10) == 1
    assert two_proportion_test(0, 10, 0, 10) == 1
    assert two_proportion_test(10, 10, 10, 10) == 1
    assert chi_square_test({}, {"a": 5}) == 1
    assert chi_square_test({"a": 500}, {"a": 300}) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"a": 50, "b": 60, "c": 70}, {"a": 55, "b": 50, "c": 90}),
        ({"a": 500, "b": 60, "c": 70}, {"a": 155, "b": 150, "c": 190}),
        ({str(n): 100 + n for n in range(60)}, {str(n): 100 for n in range(60)}),
    ],
)
def test_the_chi_square_test_is_scipys(first, second):
    contingency = [[counts[value] for value in first] for counts in (first, second)]
    expected = stats.chi2_contingency(contingency, correction=False).pvalue
    assert chi_square_test(first, second) == pytest.approx(expected, rel=1e-9)


def test_rare_values_are_taken_together():
    common = {"a": 400, "b": 600}
    rare = {f"rare {n}": 1 for n in range(12)}
    expected = stats.chi2_contingency([[400, 600, 12], [390, 610, 0]], correction=False).pvalue
    assert chi_square_test({**common, **rare}, {"a": 390, "b": 610}) == pytest.approx(expected, rel=1e-9)
    lone = stats.chi2_contingency([[401, 600], [390, 610]], correction=False).pvalue
    assert chi_square_test({**common, "rare": 1}, {"a": 390, "b": 610}) == pytest.approx(lone, rel=1e-9)


def test_holm_steps_down_and_keeps_the_order():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
