"""The distribution of numbers, in a form that can be merged: exact while few differ, rounded beyond."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["EXACT_NUMBERS", "ROUNDING_ERROR", "Distribution", "Profile"]

EXACT_NUMBERS = 100_000
"""Up to this many different numbers are kept as they are, about 10 MB."""

_SIGNIFICANT_BITS = 11

ROUNDING_ERROR = 2.0**-_SIGNIFICANT_BITS
"""Largest relative error of quantiles and bucket edges once numbers are rounded, 0.05 %."""

_UNIT_EXPONENT = 1074
"""Every float is a whole multiple of 2**-1074."""


@dataclass
class _Sums:
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
        numerator, denominator = value.as_integer_ratio()
        scaled = numerator << (_UNIT_EXPONENT + 1 - denominator.bit_length())
        self.total += scaled * count
        self.squares += scaled * scaled * count
        self.minimum = min(self.minimum, value)
        self.maximum = max(self.maximum, value)

    def merge(self, other: Self) -> None:
        self.total += other.total
        self.squares += other.squares
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)


@dataclass
class Distribution:
    """Accumulates finite numbers in bounded memory.

    Up to `limit` different numbers everything is exact. Beyond, each is rounded to 11 significant bits before it is
    counted, so that quantiles are off by at most `ROUNDING_ERROR` of themselves (the guarantee of DDSketch, Masson et
    al., VLDB 2019); mean, standard deviation, smallest and largest number stay exact. Results do not depend on the
    order in which numbers were added or distributions merged. A KLL sketch would, as it tosses coins.

    Attributes:
        counts: how often each number occurred.
        limit: how many different numbers are kept as they are.
    """

    counts: Counter[float] = field(default_factory=Counter)
    limit: int = EXACT_NUMBERS
    _sums: _Sums | None = None

    @property
    def is_exact(self) -> bool:
        """Whether no number was rounded."""
        return self._sums is None

    @property
    def total(self) -> int:
        """How many numbers there are."""
        return self.counts.total()

    def add(self, value: float) -> None:
        """Counts one number."""
        self.add_all((value,))

    def add_all(self, values: Iterable[float]) -> None:
        """Counts numbers."""
        if self._sums is None:
            self.counts.update(values)
            self._bound()
        else:
            for value, count in Counter(values).items():
                self._add_rounded(value, count)

    def merge(self, other: "Distribution") -> None:
        """Adds what `other` has counted."""
        if other._sums is not None:
            self._round()
        assert self._sums is not None or other._sums is None
        if self._sums is None:
            self.counts.update(other.counts)
            self._bound()
        elif other._sums is None:
            for value, count in other.counts.items():
                self._add_rounded(value, count)
        else:
            self._sums.merge(other._sums)
            self.counts.update(other.counts)

    def extract(self) -> "Profile":
        """What there is to know about the numbers so far."""
        values = np.array(sorted(self.counts), dtype=np.float64)
        counts = np.array([self.counts[value] for value in values.tolist()], dtype=np.int64)
        return Profile(values, counts, self._sums)

    def _bound(self) -> None:
        if len(self.counts) > self.limit:
            self._round()

    def _round(self) -> None:
        if self._sums is None:
            exact, self.counts, self._sums = self.counts, Counter(), _Sums()
            for value, count in exact.items():
                self._add_rounded(value, count)

    def _add_rounded(self, value: float, count: int) -> None:
        assert self._sums is not None
        self._sums.add(value, count)
        mantissa, exponent = math.frexp(value)
        rounded = round(math.ldexp(mantissa, _SIGNIFICANT_BITS))
        self.counts[math.ldexp(rounded, exponent - _SIGNIFICANT_BITS)] += count


@dataclass(frozen=True)
class Profile:
    """Statistics of a distribution; all of them NaN if it is empty.

    Attributes:
        values: float64 [distinct], ascending.
        counts: int64 [distinct], how often each value occurred.
    """

    values: NDArray[np.float64]
    counts: NDArray[np.int64]
    _sums: _Sums | None = None

    @property
    def relative_error(self) -> float:
        """By how much of itself a quantile may be off; 0 while all is exact."""
        return ROUNDING_ERROR if self._sums else 0.0

    @cached_property
    def total(self) -> int:
        """How many numbers there are."""
        return int(self.counts.sum())

    @cached_property
    def mean(self) -> float:
        """Arithmetic mean."""
        if not self.total:
            return math.nan
        if self._sums:
            return self._sums.total / (self.total << _UNIT_EXPONENT)
        return float(self.values @ self.counts) / self.total

    @cached_property
    def standard_deviation(self) -> float:
        """Standard deviation of the population (divided by n)."""
        if not self.total:
            return math.nan
        if self._sums:
            scatter = self.total * self._sums.squares - self._sums.total**2
            return math.sqrt(scatter / (self.total**2 << 2 * _UNIT_EXPONENT))
        return math.sqrt(float(((self.values - self.mean) ** 2) @ self.counts) / self.total)

    @property
    def minimum(self) -> float:
        """Smallest number."""
        if not self.total:
            return math.nan
        return self._sums.minimum if self._sums else float(self.values[0])

    @property
    def maximum(self) -> float:
        """Largest number."""
        if not self.total:
            return math.nan
        return self._sums.maximum if self._sums else float(self.values[-1])

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

    def quantile_edges(self, buckets: int) -> NDArray[np.float64]:
        """Edges float64 [buckets + 1] of buckets that hold equally many numbers."""
        return np.array([self.quantile(step / buckets) for step in range(buckets + 1)])

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

    def _at(self, rank: int) -> float:
        value = float(self.values[np.searchsorted(self._cumulative, rank, side="right")])
        return min(max(value, self.minimum), self.maximum)

    @cached_property
    def _cumulative(self) -> NDArray[np.int64]:
        return np.cumsum(self.counts)
