"""Statistics of one feature of tf.Example records, accumulated in bounded memory."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, compress
from operator import mul
from typing import Any, TypeAlias

import numpy as np

from components.core.errors import StageError
from components.data.statistics.distribution import Distribution
from components.data.statistics.profile import Profile
from components.data.statistics.sketches import StringCounts

__all__ = ["FeatureStatistics", "NumberStatistics", "Weight", "WeightedStatistics", "exact_weight"]

Weight: TypeAlias = int
"""An example's weight in units of 2**-149, so that sums of float32 weights are exact in any order."""

_UNIT = 1 << 149
_Value: TypeAlias = bytes | int | float
_Values: TypeAlias = Sequence[bytes] | Sequence[int] | Sequence[float]


def exact_weight(weight: float) -> Weight:
    """A float32 weight as a whole number of units."""
    return int(weight * _UNIT)


@dataclass
class NumberStatistics:
    """Accumulates numbers, those that are no finite ones apart."""

    finite: Distribution = field(default_factory=Distribution)
    nan: int = 0
    negative_infinities: int = 0
    positive_infinities: int = 0

    def add_all(self, values: Sequence[float]) -> None:
        """Counts numbers."""
        array = np.asarray(values, dtype=np.float64)
        is_finite = np.isfinite(array)
        if is_finite.all():
            self.finite.add_all(values)
            return
        self.nan += int(np.isnan(array).sum())
        self.negative_infinities += int((array == -math.inf).sum())
        self.positive_infinities += int((array == math.inf).sum())
        self.finite.add_all(array[is_finite].tolist())

    def merge(self, other: "NumberStatistics") -> None:
        """Adds what `other` has counted."""
        self.finite.merge(other.finite)
        self.nan += other.nan
        self.negative_infinities += other.negative_infinities
        self.positive_infinities += other.positive_infinities

    def ordered(self) -> Profile:
        """The numbers that can be put in order: all but NaN."""
        finite = self.finite.extract()
        if not self.negative_infinities and not self.positive_infinities:
            return finite
        counts = np.concatenate(([self.negative_infinities], finite.counts, [self.positive_infinities]))
        values = np.concatenate(([-math.inf], finite.values, [math.inf]))
        return Profile(values[counts > 0], counts[counts > 0])


@dataclass
class WeightedStatistics:
    """Sums of example weights.

    Attributes:
        examples: of the examples that have the feature.
        values: of their values, each with the weight of its example.
        by_value: by value; None if there are too many different ones.
    """

    examples: Weight = 0
    values: Weight = 0
    by_value: dict[Any, Weight] | None = field(default_factory=dict)

    def add(self, rows: Sequence[_Values], weights: Sequence[Weight]) -> None:
        """Adds examples of these weights."""
        sizes = list(map(len, rows))
        self.examples += sum(compress(weights, sizes))
        self.values += sum(map(mul, weights, sizes))
        by_value = self.by_value
        if by_value is None:
            return
        for values, weight in zip(rows, weights, strict=True):
            for value in values:
                by_value[value] = by_value.get(value, 0) + weight

    def merge(self, other: "WeightedStatistics") -> None:
        """Adds what `other` has summed up."""
        self.examples += other.examples
        self.values += other.values
        if self.by_value is None or other.by_value is None:
            self.by_value = None
            return
        for value, weight in other.by_value.items():
            self.by_value[value] = self.by_value.get(value, 0) + weight

    @staticmethod
    def as_float(weight: Weight) -> float:
        """A sum of weights as a number."""
        return weight / _UNIT


@dataclass
class FeatureStatistics:
    """Accumulates one feature; the same in any order and any division into parts while it is exact.

    Attributes:
        kind: bytes, int or float; None while every example was without values.
        valencies: numbers of values of the examples that have any.
        strings: the values, if they are bytes.
        total_bytes: length of all of them together.
        invalid_utf8: how many of them are no UTF-8.
        numbers: the values, if they are numbers.
        weighted: the same with the examples' weights; None while each weighs 1.
    """

    kind: type | None = None
    valencies: Distribution = field(default_factory=Distribution)
    strings: StringCounts = field(default_factory=StringCounts)
    total_bytes: int = 0
    invalid_utf8: int = 0
    numbers: NumberStatistics = field(default_factory=NumberStatistics)
    weighted: WeightedStatistics | None = None

    def add(self, values: _Values) -> None:
        """Counts the values of one example; none means that it misses the feature, as in TFDV."""
        self.add_all([values])

    def add_all(self, rows: Sequence[_Values], weights: Sequence[Weight] | None = None) -> None:
        """Counts the values of examples.

        Args:
            rows: the values of each example.
            weights: the weight of each; None if none has a weight of its own.

        Raises:
            StageError: their types differ from each other or from those of the values before.
        """
        if weights is not None:
            self.weighted = self.with_weights()
        values: list[Any] = list(chain.from_iterable(rows))
        self.valencies.add_all(filter(None, map(len, rows)))
        for kind in set(map(type, values)):
            self._settle_kind(kind)
        if self.kind is bytes:
            self.strings.add_all(values)
            self.total_bytes += sum(map(len, values))
            self.invalid_utf8 += _count_invalid(values)
        else:
            self.numbers.add_all(values)
        if self.weighted is not None:
            self.weighted.add(rows, [_UNIT] * len(rows) if weights is None else weights)
            self._bound_weights()

    def merge(self, other: "FeatureStatistics") -> None:
        """Adds what `other` has counted.

        Raises:
            StageError: the types of the values differ.
        """
        if other.kind is not None:
            self._settle_kind(other.kind)
        if self.weighted is not None or other.weighted is not None:
            self.weighted = self.with_weights()
            self.weighted.merge(other.with_weights())
        self.valencies.merge(other.valencies)
        self.strings.merge(other.strings)
        self.total_bytes += other.total_bytes
        self.invalid_utf8 += other.invalid_utf8
        self.numbers.merge(other.numbers)
        self._bound_weights()

    def with_weights(self) -> WeightedStatistics:
        """The weighted statistics; of examples that weigh 1 while none had a weight of its own."""
        if self.weighted is not None:
            return self.weighted
        examples, values = self.valencies.total, self._total_values()
        if not self._has_few_values():
            return WeightedStatistics(examples * _UNIT, values * _UNIT, None)
        counts: Any = self.strings.exact_counts() if self.kind is bytes else self.numbers.finite.counts
        by_value = {value: count * _UNIT for value, count in counts.items()}
        return WeightedStatistics(examples * _UNIT, values * _UNIT, by_value)

    def _total_values(self) -> int:
        numbers = self.numbers
        unordered = numbers.nan + numbers.negative_infinities + numbers.positive_infinities
        return self.strings.total + numbers.finite.total + unordered

    def _has_few_values(self) -> bool:
        """Whether each value can have a weight of its own: there are few different ones, and no NaN or infinity."""
        numbers = self.numbers
        all_finite = not (numbers.nan or numbers.negative_infinities or numbers.positive_infinities)
        return self.strings.is_exact and numbers.finite.is_exact and all_finite

    def _bound_weights(self) -> None:
        if self.weighted is not None and not self._has_few_values():
            self.weighted.by_value = None

    def _settle_kind(self, kind: type) -> None:
        if self.kind is None:
            self.kind = kind
        elif self.kind is not kind:
            raise StageError(
                f"a feature holds {self.kind.__name__} and {kind.__name__} values; write the records again"
            )


def _count_invalid(values: Sequence[bytes]) -> int:
    """How many values are no UTF-8; mostly none, which is found out for all at once."""
    try:
        b"\0".join(values).decode()
    except UnicodeDecodeError:
        return sum(not _is_utf8(value) for value in values)
    return 0


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
