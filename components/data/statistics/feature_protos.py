"""The statistics of a feature as tensorflow-metadata's proto, field by field as TFDV writes it.

Quantiles and histograms are exact where TFDV's are sketched. Strings that occur equally often are ranked by their
bytes, the smallest first (TFDV: the largest first). Weights of examples are summed up exactly.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from components.data.statistics.feature_statistics import (
    FeatureStatistics,
    NumberStatistics,
    WeightedStatistics,
)
from components.data.statistics.profile import Profile
from components.data.statistics.sketches import as_label

__all__ = ["Detail", "feature_proto", "quantiles_histogram", "rank_histogram", "standard_histogram"]

_QUANTILES = 10


@dataclass(frozen=True)
class Detail:
    """How much is written down.

    Attributes:
        top_values: most frequent strings listed per feature.
        ranks: most frequent strings in the rank histogram of a feature.
        buckets: buckets of equal width in a histogram.
    """

    top_values: int
    ranks: int
    buckets: int


def feature_proto(
    name: str, statistics: FeatureStatistics, *, rows: int, weighted_rows: float | None, detail: Detail
) -> Any:
    """The `FeatureNameStatistics` of a feature.

    Where sketches were used, the custom statistics `unique_lower_bound` and `unique_upper_bound` (95 % probability),
    `frequency_max_error` (a count) and `quantile_relative_error` say how far off the figures may be.

    Args:
        name: the feature's name.
        statistics: what was counted.
        rows: number of examples, with the feature or not.
        weighted_rows: sum of their weights; None if the examples have none.
        detail: how much is written down.
    """
    from tensorflow_metadata.proto.v0 import statistics_pb2

    proto = statistics_pb2.FeatureNameStatistics(name=name)
    weighted = None if weighted_rows is None else statistics.with_weights()
    if statistics.kind in (int, float):
        proto.type = proto.INT if statistics.kind is int else proto.FLOAT
        filled = proto.num_stats
        _fill_numeric(proto, statistics.numbers, weighted, detail)
    else:
        proto.type = proto.STRING
        filled = proto.string_stats
        _fill_string(proto, statistics, weighted, detail)
    _fill_common(filled.common_stats, statistics.valencies.extract(), rows)
    if weighted is not None and weighted_rows is not None:
        _fill_weighted_common(filled.common_stats.weighted_common_stats, weighted, weighted_rows)
    return proto


def _fill_common(common: Any, valencies: Profile, rows: int) -> None:
    total_values = round(valencies.mean * valencies.total) if valencies.total else 0
    common.num_non_missing = valencies.total
    common.num_missing = rows - valencies.total
    common.tot_num_values = total_values
    if valencies.total:
        common.min_num_values = int(valencies.minimum)
        common.max_num_values = int(valencies.maximum)
        common.avg_num_values = valencies.mean
        common.num_values_histogram.CopyFrom(quantiles_histogram(valencies))
    level = common.presence_and_valency_stats.add()
    for field in ("num_missing", "num_non_missing", "min_num_values", "max_num_values", "tot_num_values"):
        setattr(level, field, getattr(common, field))


def _fill_weighted_common(common: Any, weighted: WeightedStatistics, weighted_rows: float) -> None:
    common.num_non_missing = weighted.as_float(weighted.examples)
    common.num_missing = weighted_rows - common.num_non_missing
    common.tot_num_values = weighted.as_float(weighted.values)
    if common.num_non_missing:
        common.avg_num_values = common.tot_num_values / common.num_non_missing


def _fill_string(
    proto: Any, statistics: FeatureStatistics, weighted: WeightedStatistics | None, detail: Detail
) -> None:
    strings = proto.string_stats
    found = statistics.strings.extract(max(detail.top_values, detail.ranks))
    strings.unique = found.unique
    if statistics.strings.total:
        strings.avg_length = statistics.total_bytes / statistics.strings.total
    strings.invalid_utf8_count = statistics.invalid_utf8
    _fill_ranks(strings, found.ranked, detail)
    if not found.is_exact:
        for bound, count in zip(("lower", "upper"), found.unique_bounds, strict=True):
            proto.custom_stats.add(name=f"unique_{bound}_bound", num=count)
        proto.custom_stats.add(name="frequency_max_error", num=found.max_error)
    if weighted is not None and weighted.by_value is not None:
        ranked = _rank_weights(weighted.by_value, max(detail.top_values, detail.ranks))
        _fill_ranks(strings.weighted_string_stats, ranked, detail)


def _rank_weights(by_value: Mapping[bytes, int], most: int) -> Sequence[tuple[str, float]]:
    """The values of the largest weights."""
    ranked = sorted(by_value.items(), key=lambda item: (-item[1], item[0]))
    return [(as_label(value), WeightedStatistics.as_float(weight)) for value, weight in ranked[:most]]


def _fill_ranks(strings: Any, ranked: Sequence[tuple[str, float]], detail: Detail) -> None:
    for label, count in ranked[: detail.top_values]:
        strings.top_values.add(value=label, frequency=count)
    strings.rank_histogram.CopyFrom(rank_histogram(ranked[: detail.ranks]))


def rank_histogram(ranked: Sequence[tuple[str, float]], *, name: str = "") -> Any:
    """A `RankHistogram` proto with a bucket for each label and count, in the order given."""
    from tensorflow_metadata.proto.v0 import statistics_pb2

    histogram = statistics_pb2.RankHistogram(name=name)
    for rank, (label, count) in enumerate(ranked):
        histogram.buckets.add(low_rank=rank, high_rank=rank, label=label, sample_count=count)
    return histogram


def _fill_numeric(
    proto: Any, counted: NumberStatistics, weighted: WeightedStatistics | None, detail: Detail
) -> None:
    """Mean, median and extremes are those of all numbers but NaN; with infinities there is no standard deviation."""
    numbers, finite, ordered = proto.num_stats, counted.finite.extract(), counted.ordered()
    has_infinities = ordered.total > finite.total
    if ordered.total:
        numbers.mean = ordered.minimum + ordered.maximum if has_infinities else finite.mean
        numbers.std_dev = math.nan if has_infinities else finite.standard_deviation
        numbers.num_zeros = counted.finite.counts[0]
        numbers.min, numbers.max = ordered.minimum, ordered.maximum
        numbers.median = ordered.quantile(0.5)
    numbers.histograms.append(_standard_with_infinities(counted, finite, detail.buckets))
    numbers.histograms.append(quantiles_histogram(ordered))
    for histogram in numbers.histograms:
        histogram.num_nan = counted.nan
    if finite.relative_error:
        proto.custom_stats.add(name="quantile_relative_error", num=finite.relative_error)
    if weighted is not None and weighted.by_value:
        _fill_weighted_numeric(numbers.weighted_numeric_stats, weighted.by_value, finite, detail)


def _standard_with_infinities(counted: NumberStatistics, finite: Profile, buckets: int) -> Any:
    """Buckets of equal width for the finite numbers, and one for each infinity, as TFDV has them."""
    histogram = standard_histogram(finite, buckets)
    inner = list(histogram.buckets)
    del histogram.buckets[:]
    if counted.negative_infinities:
        histogram.buckets.add(
            low_value=-math.inf, high_value=-math.inf, sample_count=counted.negative_infinities
        )
    histogram.buckets.extend(inner)
    if counted.positive_infinities:
        histogram.buckets.add(
            low_value=math.inf, high_value=math.inf, sample_count=counted.positive_infinities
        )
    return histogram


def _fill_weighted_numeric(
    numbers: Any, by_value: Mapping[float, int], finite: Profile, detail: Detail
) -> None:
    ordered = sorted(by_value)
    values = np.array(ordered, dtype=np.float64)
    weights = np.array([WeightedStatistics.as_float(by_value[value]) for value in ordered])
    total = float(weights.sum())
    if not total:
        return
    mean = float(values @ weights) / total
    numbers.mean = mean
    numbers.std_dev = math.sqrt(float((values - mean) ** 2 @ weights) / total)
    cumulative = np.array(list(accumulate(weights.tolist())))

    def quantile(q: float) -> float:
        return float(values[min(int(np.searchsorted(cumulative, q * total)), len(values) - 1)])

    numbers.median = quantile(0.5)
    _, edges = finite.histogram(detail.buckets)
    standard = numbers.histograms.add(type=0)
    bucket_of = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    sums = np.bincount(bucket_of, weights=weights, minlength=len(edges) - 1)
    for weight, (low, high) in zip(sums.tolist(), pairwise(edges.tolist()), strict=True):
        standard.buckets.add(low_value=low, high_value=high, sample_count=weight)
    numbers.histograms.append(_equal_shares(quantile, total))


def standard_histogram(profile: Profile, buckets: int, *, name: str = "") -> Any:
    """A `Histogram` proto of buckets of equal width; without buckets if there are no numbers."""
    from tensorflow_metadata.proto.v0 import statistics_pb2

    histogram = statistics_pb2.Histogram(type=statistics_pb2.Histogram.STANDARD, name=name)
    if profile.total:
        counts, edges = profile.histogram(buckets)
        for count, (low, high) in zip(counts.tolist(), pairwise(edges.tolist()), strict=True):
            histogram.buckets.add(low_value=low, high_value=high, sample_count=count)
    return histogram


def quantiles_histogram(profile: Profile, *, name: str = "") -> Any:
    """A `Histogram` proto of ten buckets that hold equally many numbers; without buckets if there are no numbers."""
    return _equal_shares(profile.quantile, profile.total, name=name)


def _equal_shares(quantile: Callable[[float], float], total: float, *, name: str = "") -> Any:
    from tensorflow_metadata.proto.v0 import statistics_pb2

    histogram = statistics_pb2.Histogram(type=statistics_pb2.Histogram.QUANTILES, name=name)
    edges = [quantile(step / _QUANTILES) for step in range(_QUANTILES + 1)]
    for low, high in pairwise(edges if total else []):
        histogram.buckets.add(low_value=low, high_value=high, sample_count=total / _QUANTILES)
    return histogram
