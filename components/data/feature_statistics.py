"""Statistics of one feature of tf.Example records, accumulated and written as tensorflow-metadata's proto."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from components.core.errors import StageError
from components.data.distribution import Distribution, Profile

__all__ = ["FeatureStatistics", "feature_proto", "standard_histogram"]

_QUANTILES = 10
_INVALID = "__BYTES_VALUE__"
"""What TFDV writes in place of a value that is no UTF-8."""


@dataclass
class FeatureStatistics:
    """Accumulates one feature; memory grows with the number of different values.

    Attributes:
        kind: bytes, int or float; None while every example was without values.
        valencies: numbers of values of the examples that have any.
        values: how often each value occurred.
    """

    kind: type | None = None
    valencies: Distribution = field(default_factory=Distribution)
    values: Counter[Any] = field(default_factory=Counter)

    def add(self, values: Sequence[bytes] | Sequence[int] | Sequence[float]) -> None:
        """Counts the values of one example; none means that it misses the feature, as in TFDV.

        Raises:
            StageError: their type differs from that of the values before.
        """
        if not values:
            return
        self._settle_kind(type(values[0]))
        self.valencies.add(len(values))
        self.values.update(values)

    def merge(self, other: "FeatureStatistics") -> None:
        """Adds what `other` has counted.

        Raises:
            StageError: the types of the values differ.
        """
        if other.kind is not None:
            self._settle_kind(other.kind)
        self.valencies.merge(other.valencies)
        self.values.update(other.values)

    def _settle_kind(self, kind: type) -> None:
        if self.kind is None:
            self.kind = kind
        elif self.kind is not kind:
            raise StageError(
                f"a feature holds {self.kind.__name__} and {kind.__name__} values; write the records again"
            )


def feature_proto(
    name: str, statistics: FeatureStatistics, *, rows: int, top_values: int, ranks: int, buckets: int
) -> Any:
    """The `FeatureNameStatistics` of a feature.

    Args:
        name: the feature's name.
        statistics: what was counted.
        rows: number of examples, with the feature or not.
        top_values: how many of the most frequent strings are listed.
        ranks: how many of the most frequent strings the rank histogram holds.
        buckets: number of buckets of equal width in histograms of numbers.
    """
    from tensorflow_metadata.proto.v0 import statistics_pb2

    proto = statistics_pb2.FeatureNameStatistics(name=name)
    if statistics.kind in (int, float):
        proto.type = proto.INT if statistics.kind is int else proto.FLOAT
        _fill_numeric(proto.num_stats, statistics, buckets)
        common = proto.num_stats.common_stats
    else:
        proto.type = proto.STRING
        _fill_string(proto.string_stats, statistics, top_values, ranks)
        common = proto.string_stats.common_stats
    _fill_common(common, statistics.valencies.extract(), rows)
    return proto


def _fill_common(common: Any, valencies: Profile, rows: int) -> None:
    total_values = int(valencies.values @ valencies.counts)
    common.num_non_missing = valencies.total
    common.num_missing = rows - valencies.total
    common.tot_num_values = total_values
    if valencies.total:
        common.min_num_values = int(valencies.minimum)
        common.max_num_values = int(valencies.maximum)
        common.avg_num_values = valencies.mean
        _fill_quantiles(common.num_values_histogram, valencies)
    level = common.presence_and_valency_stats.add()
    for field_name in (
        "num_missing",
        "num_non_missing",
        "min_num_values",
        "max_num_values",
        "tot_num_values",
    ):
        setattr(level, field_name, getattr(common, field_name))


def _fill_string(strings: Any, statistics: FeatureStatistics, top_values: int, ranks: int) -> None:
    strings.unique = len(statistics.values)
    total = statistics.values.total()
    if total:
        strings.avg_length = sum(len(value) * count for value, count in statistics.values.items()) / total
    strings.invalid_utf8_count = sum(
        count for value, count in statistics.values.items() if _decode(value) == _INVALID
    )
    ranked = sorted(statistics.values.items(), key=lambda item: (-item[1], item[0]))
    for value, count in ranked[:top_values]:
        strings.top_values.add(value=_decode(value), frequency=count)
    for rank, (value, count) in enumerate(ranked[:ranks]):
        strings.rank_histogram.buckets.add(
            low_rank=rank, high_rank=rank, label=_decode(value), sample_count=count
        )


def _fill_numeric(numbers: Any, statistics: FeatureStatistics, buckets: int) -> None:
    profile = Distribution(statistics.values).extract()
    numbers.mean = profile.mean
    numbers.std_dev = profile.standard_deviation
    numbers.num_zeros = statistics.values[0]
    numbers.min = profile.minimum
    numbers.median = profile.quantile(0.5)
    numbers.max = profile.maximum
    numbers.histograms.append(standard_histogram(profile, buckets))
    _fill_quantiles(numbers.histograms.add(), profile)


def standard_histogram(profile: Profile, buckets: int, *, name: str = "") -> Any:
    """A `Histogram` proto of buckets of equal width; without buckets if there are no numbers."""
    from tensorflow_metadata.proto.v0 import statistics_pb2

    histogram = statistics_pb2.Histogram(type=statistics_pb2.Histogram.STANDARD, name=name)
    if profile.total:
        counts, edges = profile.histogram(buckets)
        for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True):
            histogram.buckets.add(low_value=low, high_value=high, sample_count=count)
    return histogram


def _fill_quantiles(histogram: Any, profile: Profile) -> None:
    histogram.type = histogram.QUANTILES
    edges = profile.quantile_edges(_QUANTILES)
    for low, high in pairwise(edges):
        histogram.buckets.add(low_value=low, high_value=high, sample_count=profile.total / _QUANTILES)


def _decode(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return _INVALID
