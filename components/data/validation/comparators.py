"""How far two distributions are apart, and whether chance explains it; plain functions of counts.

The distances that a schema sets thresholds for are in `serving.distances`. Tests take rows to be drawn independently
of each other; where they are not (many rows of one author), chance explains more than the tests know.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist

from serving.distances import Counts

__all__ = [
    "chi_square_test",
    "cohens_h",
    "fisher_exact_test",
    "holm",
    "two_proportion_test",
]

_LEAST_EXPECTED = 10
"""Below this expected count, the normal approximation of a proportion is not trusted."""

_MOST_ENUMERATED = 100_000
"""Up to this many tables, Fisher's test adds them up."""


def cohens_h(first: float, second: float) -> float:
    """Effect size of two proportions (0-1): |2 asin sqrt(p) - 2 asin sqrt(q)|, 0 to pi (Cohen 1988, chapter 6).

    Unlike their difference, it takes 1 % against 3 % for as much as 50 % against 57 %.
    """
    return abs(2 * math.asin(math.sqrt(first)) - 2 * math.asin(math.sqrt(second)))


def two_proportion_test(first: int, first_rows: int, second: int, second_rows: int) -> float:
    """Two-sided p-value of `first` of `first_rows` against `second` of `second_rows` being one proportion.

    The z-test with pooled variance, or Fisher's exact test where a count of less than 10 is expected.
    """
    rows, hits = first_rows + second_rows, first + second
    if not first_rows or not second_rows or hits in (0, rows):
        return 1.0
    smaller = min(first_rows, second_rows)
    if smaller * min(hits, rows - hits) / rows < _LEAST_EXPECTED and min(hits, first_rows) < _MOST_ENUMERATED:
        return fisher_exact_test(first, first_rows, second, second_rows)
    pooled = hits / rows
    error = math.sqrt(pooled * (1 - pooled) * (1 / first_rows + 1 / second_rows))
    return 2 * NormalDist().cdf(-abs(first / first_rows - second / second_rows) / error)


def fisher_exact_test(first: int, first_rows: int, second: int, second_rows: int) -> float:
    """Two-sided p-value by Fisher's exact test: the probability of all tables no likelier than the one seen."""
    rows, hits = first_rows + second_rows, first + second
    lowest, highest = max(0, hits - second_rows), min(hits, first_rows)

    def log_probability(count: int) -> float:
        return (
            _log_choose(first_rows, count) + _log_choose(second_rows, hits - count) - _log_choose(rows, hits)
        )

    seen = log_probability(first) + 1e-7
    likely = (log_probability(count) for count in range(lowest, highest + 1))
    return min(1.0, math.fsum(math.exp(probability) for probability in likely if probability <= seen))


def chi_square_test(first: Counts, second: Counts) -> float:
    """p-value of two lists of counts being drawn from one distribution: Pearson's chi-square test of homogeneity.

    Values of which less than 5 are expected on one side are taken together, by Cochran's rule; if no two remain, or a
    side is empty, nothing can be told and the result is 1.
    """
    totals = (sum(first.values()), sum(second.values()))
    if not all(totals):
        return 1.0
    columns = _pool_rare(
        [(first.get(value, 0.0), second.get(value, 0.0)) for value in {**first, **second}], totals
    )
    statistic = 0.0
    for column in columns:
        for count, total in zip(column, totals, strict=True):
            expected = sum(column) * total / sum(totals)
            statistic += (count - expected) ** 2 / expected
    return _chi_square_survival(statistic, len(columns) - 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for their number, in the given order (Holm 1979, "A simple sequentially rejective multiple
    test procedure"): calling those at most alpha significant is wrong once or more with probability alpha at most.
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def _log_choose(total: int, chosen: int) -> float:
    return math.lgamma(total + 1) - math.lgamma(chosen + 1) - math.lgamma(total - chosen + 1)


def _pool_rare(
    columns: Sequence[tuple[float, float]], totals: tuple[float, float]
) -> list[tuple[float, float]]:
    least = 5 * sum(totals) / min(totals)
    common = [column for column in columns if sum(column) >= least]
    rare = [column for column in columns if 0 < sum(column) < least]
    pooled = (sum(column[0] for column in rare), sum(column[1] for column in rare))
    if sum(pooled) >= least or not common:
        return [*common, pooled]
    if rare:
        smallest = min(range(len(common)), key=lambda index: sum(common[index]))
        merged = common.pop(smallest)
        common.append((merged[0] + pooled[0], merged[1] + pooled[1]))
    return common


def _chi_square_survival(statistic: float, degrees: int) -> float:
    """P(X >= statistic) of a chi-square variable: the upper regularised incomplete gamma function Q(k/2, x/2).

    By its power series below a + 1 (DLMF 8.11.4) and by its continued fraction above (DLMF 8.9.2, Lentz's algorithm).
    """
    if degrees < 1 or statistic <= 0:
        return 1.0
    a, x = degrees / 2, statistic / 2
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        step = a
        while term > total * 1e-16:
            step += 1
            term *= x / step
            total += term
        return max(0.0, 1 - scale * total)
    b = x + 1 - a
    c, d = math.inf, 1 / b
    fraction = d
    for n in range(1, 10_000):
        factor = -n * (n - a)
        b += 2
        d = 1 / (factor * d + b)
        c = b + factor / c
        fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return min(1.0, scale * fraction)
