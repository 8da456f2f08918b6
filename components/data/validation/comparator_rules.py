"""Distances above the thresholds that the schema's comparators set, measured as TFDV measures them."""

import math
from collections.abc import Iterator
from typing import Any

from components.data.statistics.feature_view import FeatureView
from components.data.statistics.measurement import Measurement
from components.data.validation.anomalies import AnomalyType
from components.data.validation.comparisons import Comparison
from components.data.validation.histograms import histogram_divergence
from components.data.validation.schema_rules import is_checked
from serving.distances import jensen_shannon_divergence, l_infinity_distance, normalized_absolute_difference

__all__ = ["measure_comparators"]


def measure_comparators(comparison: Comparison, schema: Any) -> Iterator[Measurement]:
    """Every distance for which the schema sets a threshold, exceeded or not."""
    for feature in filter(is_checked, schema.feature):
        field = f"{comparison.kind}_comparator"
        here = comparison.treatment.views.get(feature.name)
        there = comparison.control.views.get(feature.name)
        if not feature.HasField(field) or here is None or there is None:
            continue
        if here.common.num_non_missing and there.common.num_non_missing:
            yield from _measure(comparison, feature.name, here, there, getattr(feature, field))
    if comparison.kind == "drift":
        yield from _measure_sizes(comparison, schema.dataset_constraints.num_examples_drift_comparator)


def _measure(
    comparison: Comparison, name: str, here: FeatureView, there: FeatureView, comparator: Any
) -> Iterator[Measurement]:
    if comparator.infinity_norm.HasField("threshold") and (here.counts or there.counts):
        value, distance = l_infinity_distance(here.counts, there.counts)
        limit = comparator.infinity_norm.threshold
        yield _distance(
            comparison, name, "COMPARATOR_L_INFTY_HIGH", "L-infinity distance", distance, limit, value
        )
    if comparator.normalized_abs_difference.HasField("threshold") and (here.counts or there.counts):
        value, distance = normalized_absolute_difference(here.counts, there.counts)
        limit = comparator.normalized_abs_difference.threshold
        yield _distance(
            comparison,
            name,
            "COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH",
            "normalized absolute difference",
            distance,
            limit,
            value,
        )
    if comparator.jensen_shannon_divergence.HasField("threshold"):
        distance = _divergence(here, there, comparator.jensen_shannon_divergence.source.type)
        if not math.isnan(distance):
            limit = comparator.jensen_shannon_divergence.threshold
            kind: AnomalyType = "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH"
            yield _distance(comparison, name, kind, "Jensen-Shannon divergence", distance, limit, "")


def _divergence(here: FeatureView, there: FeatureView, source: int) -> float:
    """Of strings by their counts, of numbers by the histograms of the type that the schema names."""
    from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

    if here.counts and there.counts:
        return jensen_shannon_divergence(here.counts, there.counts)
    quantiles = source == schema_pb2.HistogramSelection.QUANTILES
    wanted = statistics_pb2.Histogram.QUANTILES if quantiles else statistics_pb2.Histogram.STANDARD
    found = [
        next((histogram for histogram in view.numbers.histograms if histogram.type == wanted), None)
        for view in (here, there)
        if view.numbers is not None
    ]
    if len(found) < 2 or None in found:
        return math.nan
    return histogram_divergence(*found)


def _distance(
    comparison: Comparison, name: str, kind: AnomalyType, title: str, distance: float, limit: float, at: str
) -> Measurement:
    control = comparison.control_name
    largest = f", the largest difference is that of {at!r}" if at else ""
    return Measurement(
        split=comparison.treatment.name,
        control=control,
        comparison=comparison.kind,
        feature=name,
        type=kind,
        at=at,
        value=distance,
        limit=limit,
        exceeded=distance > limit,
        message=f"{title} {distance:.4f} from {control} where the schema allows {limit:g}{largest}; find out what has "
        f"changed, or raise the threshold of the {comparison.kind}_comparator",
    )


def _measure_sizes(comparison: Comparison, comparator: Any) -> Iterator[Measurement]:
    ratio = comparison.treatment.rows / comparison.control.rows
    came = (
        f"{comparison.treatment.rows:,} examples are {ratio:.2f} times the {comparison.control.rows:,} of "
        f"{comparison.control_name}"
    )

    def measured(kind: AnomalyType, limit: float, is_exceeded: bool, message: str) -> Measurement:
        return Measurement(
            split=comparison.treatment.name,
            control=comparison.control_name,
            comparison=comparison.kind,
            feature="",
            type=kind,
            at="",
            value=ratio,
            limit=limit,
            exceeded=is_exceeded,
            message=f"{came} {message}, or correct the schema",
        )

    if comparator.HasField("min_fraction_threshold"):
        least = comparator.min_fraction_threshold
        message = f"where the schema asks for {least:g}; look for rows that got lost"
        yield measured("COMPARATOR_LOW_NUM_EXAMPLES", least, ratio < least, message)
    if comparator.HasField("max_fraction_threshold"):
        most = comparator.max_fraction_threshold
        message = f"where the schema allows {most:g}; look for rows that came twice"
        yield measured("COMPARATOR_HIGH_NUM_EXAMPLES", most, ratio > most, message)
