"""Reads the statistics protos of a run into plain values."""

import math
from typing import Any

from components.core.artifacts import ExampleStatistics

__all__ = ["read_features"]

_TOP_VALUES = 12


def read_features(statistics: ExampleStatistics) -> dict[str, dict[str, dict[str, Any]]]:
    """Figures of every feature, by split and feature name; a split whose proto cannot be read is left out.

    Each has `type`, `numeric`, `present`, `missing`, `values` (all of them), `least`, `average` and `most` (values of
    a text that has any), `unique`, `length` (average of strings, in bytes), `top` (`value` and `count`), `number` (of
    numbers `min`, `median`, `mean`, `max`, `deviation` and `zeros`) and `histograms` (`name`, `edges` and `counts`).
    """
    from google.protobuf.message import DecodeError
    from tensorflow_metadata.proto.v0 import statistics_pb2

    found = {}
    for split in statistics.splits():
        try:
            content = statistics.stats_path(split).read_bytes()
            (proto,) = statistics_pb2.DatasetFeatureStatisticsList.FromString(content).datasets
        except (OSError, DecodeError, ValueError):
            continue
        found[split] = {_name(feature): _figures(feature) for feature in proto.features}
    return found


def _name(feature: Any) -> str:
    return feature.name or ".".join(feature.path.step)


def _figures(feature: Any) -> dict[str, Any]:
    kind = feature.WhichOneof("stats") or ""
    stats = getattr(feature, kind) if kind else None
    common = stats.common_stats if stats is not None else None
    strings = stats if kind == "string_stats" else None
    numbers = stats if kind == "num_stats" else None
    bars = [("value", bars) for bars in numbers.histograms] if numbers is not None else []
    bars += [
        (own.name.removeprefix("length_").replace("_", " "), own.histogram) for own in feature.custom_stats
    ]
    return {
        "type": feature.DESCRIPTOR.fields_by_name["type"]
        .enum_type.values_by_number[feature.type]
        .name.lower(),
        "numeric": numbers is not None,
        **_presence(common),
        "unique": getattr(stats, "unique", None) if numbers is None else None,
        "length": strings.avg_length if strings is not None else None,
        "top": [
            {"value": value.value, "count": value.frequency}
            for value in (strings.top_values if strings is not None else ())
        ][:_TOP_VALUES],
        "number": _number(numbers),
        "histograms": [{"name": name, **_columns(each)} for name, each in bars if _can_be_drawn(each)],
    }


def _presence(common: Any) -> dict[str, Any]:
    if common is None:
        return {"present": 0, "missing": 0, "values": 0, "least": None, "average": None, "most": None}
    present = common.num_non_missing
    return {
        "present": present,
        "missing": common.num_missing,
        "values": common.tot_num_values,
        "least": common.min_num_values if present else None,
        "average": common.avg_num_values if present else None,
        "most": common.max_num_values if present else None,
    }


def _number(numbers: Any) -> dict[str, float] | None:
    if numbers is None or not numbers.common_stats.num_non_missing:
        return None
    return {
        "min": numbers.min,
        "median": numbers.median,
        "mean": numbers.mean,
        "max": numbers.max,
        "deviation": numbers.std_dev,
        "zeros": numbers.num_zeros,
    }


def _can_be_drawn(histogram: Any) -> bool:
    """Whether its buckets are equally wide, and none reaches to infinity."""
    if histogram.type != histogram.STANDARD or not histogram.buckets:
        return False
    return math.isfinite(histogram.buckets[0].low_value) and math.isfinite(histogram.buckets[-1].high_value)


def _columns(histogram: Any) -> dict[str, list[float]]:
    edges = [bucket.low_value for bucket in histogram.buckets] + [histogram.buckets[-1].high_value]
    return {"edges": edges, "counts": [bucket.sample_count for bucket in histogram.buckets]}
