"""The exact distribution of numbers, in a form that can be merged."""

import math
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Distribution", "Profile"]


@dataclass
class Distribution:
    """Accumulates numbers; memory grows with the number of different ones.

    Results do not depend on the order in which numbers were added or distributions merged.

    Attributes:
        counts: how often each number occurred.
    """

    counts: Counter[float] = field(default_factory=Counter)

    def add(self, value: float) -> None:
        """Counts one number."""
        self.counts[value] += 1

    def merge(self, other: "Distribution") -> None:
        """Adds what `other` has counted."""
        self.counts.update(other.counts)

    def extract(self) -> "Profile":
        """What there is to know about the numbers so far."""
        values = np.array(sorted(self.counts), dtype=np.float64)
        return Profile(values, np.array([self.counts[value] for value in values.tolist()], dtype=np.int64))


@dataclass(frozen=True)
class Profile:
    """Statistics of a distribution; all of them NaN if it is empty.

    Attributes:
        values: float64 [distinct], ascending.
        counts: int64 [distinct], how often each value occurred.
    """

    values: NDArray[np.float64]
    counts: NDArray[np.int64]

    @property
    def total(self) -> int:
        """How many numbers there are."""
        return int(self.counts.sum())

    @property
    def mean(self) -> float:
        """Arithmetic mean."""
        return float(self.values @ self.counts) / self.total if self.total else math.nan

    @property
    def standard_deviation(self) -> float:
        """Standard deviation of the population (divided by n)."""
        if not self.total:
            return math.nan
        return math.sqrt(float(((self.values - self.mean) ** 2) @ self.counts) / self.total)

    @property
    def minimum(self) -> float:
        """Smallest number."""
        return float(self.values[0]) if self.total else math.nan

    @property
    def maximum(self) -> float:
        """Largest number."""
        return float(self.values[-1]) if self.total else math.nan

    def quantile(self, q: float) -> float:
        """The q-quantile, 0 <= q <= 1, with linear interpolation as `numpy.quantile`."""
        if not self.total:
            return math.nan
        position = q * (self.total - 1)
        below, above = self._at(math.floor(position)), self._at(math.ceil(position))
        return below + (above - below) * (position - math.floor(position))

    def histogram(self, buckets: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Counts int64 [n] and edges float64 [n + 1] of n buckets of equal width, as `numpy.histogram` counts them.

        n is `buckets`; for whole numbers the width is a whole number, too, and n at most `buckets`: otherwise some
        buckets would hold more whole numbers than others and the picture would be ragged.
        """
        bins: int | NDArray[np.float64] = buckets
        if self.total and np.array_equal(self.values, np.floor(self.values)):
            span = self.maximum - self.minimum + 1
            width = math.ceil(span / buckets)
            bins = self.minimum + width * np.arange(math.ceil(span / width) + 1, dtype=np.float64)
        counts, edges = np.histogram(self.values, bins=bins, weights=self.counts)
        return counts.astype(np.int64), edges.astype(np.float64)

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
        return float(self.values[np.searchsorted(self._cumulative, rank, side="right")])

    @cached_property
    def _cumulative(self) -> NDArray[np.int64]:
        return np.cumsum(self.counts)
