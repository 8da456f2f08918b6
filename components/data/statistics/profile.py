"""What there is to know about numbers whose distribution was counted."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["ROUNDING_ERROR", "SIGNIFICANT_BITS", "ExactSums", "Profile"]

SIGNIFICANT_BITS = 11
"""To so many bits numbers are rounded where very many differ."""

ROUNDING_ERROR = 2.0**-SIGNIFICANT_BITS
"""Largest relative error of quantiles and bucket edges once numbers are rounded, 0.05 %."""

_UNIT_EXPONENT = 1074
"""Every float is a whole multiple of 2**-1074."""


@dataclass
class ExactSums:
    """Exact sums of finite numbers, whatever their order: mean and standard deviation of what was rounded.

    Attributes:
        total: sum in units of 2**-1074.
        squares: sum of the squares in units of 2**-2148.
        minimum: the smallest number.
        maximum: the largest number.
    """

    total: int = 0
    squares: int = 0
    minimum: float = math.inf
    maximum: float = -math.inf

    def add(self, value: float, count: int) -> None:
        """Adds a number `count` times."""
        numerator, denominator = value.as_integer_ratio()
        scaled = numerator << (_UNIT_EXPONENT + 1 - denominator.bit_length())
        self.total += scaled * count
        self.squares += scaled * scaled * count
        self.minimum = min(self.minimum, value)
        self.maximum = max(self.maximum, value)

    def merge(self, other: Self) -> None:
        """Adds what `other` has summed up."""
        self.total += other.total
        self.squares += other.squares
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)


@dataclass(frozen=True)
class Profile:
    """Statistics of a distribution; all of them NaN if it is empty.

    Attributes:
        values: float64 [distinct], ascending.
        counts: int64 [distinct], how often each value occurred.
        sums: of the numbers as they were, if `values` are rounded ones.
    """

    values: NDArray[np.float64]
    counts: NDArray[np.int64]
    sums: ExactSums | None = None

    @property
    def relative_error(self) -> float:
        """By how much of itself a quantile may be off; 0 while all is exact."""
        return ROUNDING_ERROR if self.sums else 0.0

    @cached_property
    def total(self) -> int:
        """How many numbers there are."""
        return int(self.counts.sum())

    @cached_property
    def mean(self) -> float:
        """Arithmetic mean."""
        if not self.total:
            return math.nan
        if self.sums:
            return self.sums.total / (self.total << _UNIT_EXPONENT)
        return float(self.values @ self.counts) / self.total

    @cached_property
    def standard_deviation(self) -> float:
        """Standard deviation of the population (divided by n)."""
        if not self.total:
            return math.nan
        if self.sums:
            scatter = self.total * self.sums.squares - self.sums.total**2
            return math.sqrt(scatter / (self.total**2 << 2 * _UNIT_EXPONENT))
        return math.sqrt(float(((self.values - self.mean) ** 2) @ self.counts) / self.total)

    @cached_property
    def minimum(self) -> float:
        """Smallest number."""
        return self._extreme(0, None if self.sums is None else self.sums.minimum)

    @cached_property
    def maximum(self) -> float:
        """Largest number."""
        return self._extreme(-1, None if self.sums is None else self.sums.maximum)

    def quantile(self, q: float) -> float:
        """The q-quantile, 0 <= q <= 1, with linear interpolation as `numpy.quantile`."""
        if not self.total:
            return math.nan
        position = q * (self.total - 1)
        below, above = self._at(math.floor(position)), self._at(math.ceil(position))
        if math.isinf(above - below) or below == above:
            return (below + above) / 2
        return below + (above - below) * (position - math.floor(position))

    def histogram(self, buckets: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Counts int64 [n] and edges float64 [n + 1] of n buckets of equal width, as `numpy.histogram` counts them.

        n is `buckets`; for whole numbers the width is a whole number, too, and n at most `buckets`: otherwise some
        buckets would hold more whole numbers than others and the picture would be ragged. There are fewer, too, where
        fewer floats lie between the smallest and the largest number.
        """
        if not self.total:
            return np.zeros(buckets, dtype=np.int64), np.linspace(0.0, 1.0, buckets + 1)
        edges = self._edges(buckets)
        values = np.clip(self.values, edges[0], edges[-1])
        below = np.concatenate(([0], self._cumulative))[np.searchsorted(values, edges, side="left")]
        below[-1] = self.total
        return np.diff(below).astype(np.int64), edges

    def _edges(self, buckets: int) -> NDArray[np.float64]:
        low, high = self.minimum, self.maximum
        if np.array_equal(self.values, np.floor(self.values)):
            width = math.ceil((high - low + 1) / buckets)
            edges = low + width * np.arange(math.ceil((high - low + 1) / width) + 1, dtype=np.float64)
            edges[-1] = max(edges[-1], high)
            return edges
        edges = np.unique(np.linspace(low, high, buckets + 1))
        return edges if len(edges) > 1 else np.array([low, high])

    def to_json(self, buckets: int) -> dict[str, Any]:
        """Smallest, mean, median, 95th percentile, largest and histogram; null for what an empty one has not."""
        if not self.total:
            return {"min": None, "mean": None, "median": None, "p95": None, "max": None, "histogram": None}
        counts, edges = self.histogram(buckets)
        return {
            "min": self.minimum,
            "mean": self.mean,
            "median": self.quantile(0.5),
            "p95": self.quantile(0.95),
            "max": self.maximum,
            "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
        }

    def _extreme(self, position: int, exact: float | None) -> float:
        if not self.total:
            return math.nan
        return float(self.values[position]) if exact is None else exact

    def _at(self, rank: int) -> float:
        value = float(self.values[np.searchsorted(self._cumulative, rank, side="right")])
        return min(max(value, self.minimum), self.maximum)

    @cached_property
    def _cumulative(self) -> NDArray[np.int64]:
        return np.cumsum(self.counts)
