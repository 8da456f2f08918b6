"""The distribution of numbers, in a form that can be merged: exact while few differ, rounded beyond."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from components.data.statistics.profile import SIGNIFICANT_BITS, ExactSums, Profile

__all__ = ["EXACT_NUMBERS", "Distribution"]

EXACT_NUMBERS = 1 << 16
"""Up to this many different numbers are kept as they are, about 7 MB."""


@dataclass
class Distribution:
    """Accumulates finite numbers in bounded memory.

    Up to `limit` different numbers everything is exact. Beyond, each is rounded to 11 significant bits before it is
    counted, so that quantiles are off by at most `ROUNDING_ERROR` of themselves (the guarantee of DDSketch, Masson et
    al., VLDB 2019); mean, standard deviation, smallest and largest number stay exact. Results do not depend on the
    order in which numbers were added or distributions merged. A KLL sketch of DataSketches tosses coins that cannot be
    seeded: equal runs would differ.

    Attributes:
        counts: how often each number occurred.
        limit: how many different numbers are kept as they are.
    """

    counts: Counter[float] = field(default_factory=Counter)
    limit: int = EXACT_NUMBERS
    _sums: ExactSums | None = None

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
            exact, self.counts, self._sums = self.counts, Counter(), ExactSums()
            for value, count in exact.items():
                self._add_rounded(value, count)

    def _add_rounded(self, value: float, count: int) -> None:
        assert self._sums is not None
        self._sums.add(value, count)
        mantissa, exponent = math.frexp(value)
        rounded = round(math.ldexp(mantissa, SIGNIFICANT_BITS))
        self.counts[math.ldexp(rounded, exponent - SIGNIFICANT_BITS)] += count
