"""Where the statistics of a split differ from the schema; the checks that TFDV makes for this kind of data."""

from collections.abc import Iterator
from typing import Any, TypeAlias

from components.data.anomalies import AnomalyType, Finding
from components.data.schema_inference import common_statistics, schema_type

__all__ = ["compare_with_schema"]

_MAX_SHOWN_VALUES = 5

Problems: TypeAlias = Iterator[tuple[AnomalyType, str]]


def compare_with_schema(dataset: Any, schema: Any) -> list[Finding]:
    """Everything in a `DatasetFeatureStatistics` that the `Schema` does not allow.

    A split without examples is not compared: that it is empty says it all.
    """
    if not dataset.num_examples:
        return []
    found: list[Finding] = []
    by_name = {statistics.name: statistics for statistics in dataset.features}
    for feature in schema.feature:
        statistics = by_name.get(feature.name)
        problems = _missing(feature) if statistics is None else _compare(statistics, feature, schema)
        found += [Finding(dataset.name, feature.name, kind, message) for kind, message in problems]
    described = {feature.name for feature in schema.feature}
    for name in by_name:
        if name not in described:
            message = "this feature is not in the schema; add it, or leave the column out"
            found.append(Finding(dataset.name, name, "SCHEMA_NEW_COLUMN", message))
    minimum = schema.dataset_constraints.min_examples_count
    if dataset.num_examples < minimum:
        message = f"{dataset.num_examples:,.0f} examples where the schema asks for {minimum:,}; add data"
        found.append(Finding(dataset.name, "", "DATASET_LOW_NUM_EXAMPLES", message))
    return found


def _missing(feature: Any) -> Problems:
    if feature.presence.min_count or feature.presence.min_fraction or feature.HasField("shape"):
        yield (
            "SCHEMA_MISSING_COLUMN",
            "the schema asks for this feature but no example has it; check `columns`",
        )


def _compare(statistics: Any, feature: Any, schema: Any) -> Problems:
    common = common_statistics(statistics)
    if not common.num_non_missing:
        yield from _missing(feature)
        return
    yield from _compare_type(statistics, feature)
    yield from _compare_presence(common, feature)
    yield from _compare_valency(common, feature)
    yield from _compare_domain(statistics, feature, schema)


def _compare_type(statistics: Any, feature: Any) -> Problems:
    from tensorflow_metadata.proto.v0 import schema_pb2

    came = schema_type(statistics)
    if feature.type not in (schema_pb2.TYPE_UNKNOWN, came):
        names = schema_pb2.FeatureType
        message = f"expected {names.Name(feature.type)} values, got {names.Name(came)}"
        yield "UNEXPECTED_DATA_TYPE", f"{message}; correct the column or the schema"


def _compare_presence(common: Any, feature: Any) -> Problems:
    total = common.num_non_missing + common.num_missing
    fraction = common.num_non_missing / total
    least = 1.0 if feature.HasField("shape") else feature.presence.min_fraction
    if fraction < least:
        message = f"{fraction:.2%} of the examples have a value where the schema asks for {least:.2%}"
        yield "FEATURE_TYPE_LOW_FRACTION_PRESENT", f"{message}; fill in the column"
    if common.num_non_missing < feature.presence.min_count:
        count, least_count = common.num_non_missing, feature.presence.min_count
        message = (
            f"{count:,} examples have a value where the schema asks for {least_count:,}; fill in the column"
        )
        yield "FEATURE_TYPE_LOW_NUMBER_PRESENT", message


def _compare_valency(common: Any, feature: Any) -> Problems:
    least, most = feature.value_count.min, feature.value_count.max
    if feature.HasField("shape"):
        least = most = 1
        for dimension in feature.shape.dim:
            least = most = least * dimension.size
    if common.min_num_values < least:
        message = f"an example has {common.min_num_values} values where the schema asks for at least {least}"
        yield "FEATURE_TYPE_LOW_NUMBER_VALUES", f"{message}; fill it in, or correct the schema"
    if most and common.max_num_values > most:
        message = f"an example has {common.max_num_values} values where the schema allows {most}"
        yield "FEATURE_TYPE_HIGH_NUMBER_VALUES", f"{message}; check `separator`, or correct the schema"


def _compare_domain(statistics: Any, feature: Any, schema: Any) -> Problems:
    """String values against the feature's own or named domain, as far as the rank histogram lists them."""
    domain = feature.string_domain
    if feature.domain:
        domain = next((named for named in schema.string_domain if named.name == feature.domain), None)
    if domain is None or not domain.value or statistics.WhichOneof("stats") != "string_stats":
        return
    allowed = set(domain.value)
    buckets = statistics.string_stats.rank_histogram.buckets
    strange = {bucket.label: bucket.sample_count for bucket in buckets if bucket.label not in allowed}
    share = sum(strange.values()) / common_statistics(statistics).tot_num_values
    least = 1.0
    if feature.distribution_constraints.HasField("min_domain_mass"):
        least = feature.distribution_constraints.min_domain_mass
    if strange and 1 - share < least:
        shown = ", ".join(
            f"{value!r} ({count:,.0f})" for value, count in list(strange.items())[:_MAX_SHOWN_VALUES]
        )
        more = f" and {len(strange) - _MAX_SHOWN_VALUES} more" if len(strange) > _MAX_SHOWN_VALUES else ""
        message = f"{share:.2%} of the values are not in the schema's domain: {shown}{more}"
        yield "ENUM_TYPE_UNEXPECTED_STRING_VALUES", f"{message}; correct the data, or add them to the schema"
