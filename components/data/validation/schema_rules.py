"""Where the statistics of a split differ from the schema; the checks that TFDV makes for this kind of data."""

from collections.abc import Mapping
from typing import Any

from components.core import features
from components.data.statistics.feature_view import FeatureView
from components.data.validation.anomalies import Finding
from components.data.validation.domain_rules import Problems, check_domain
from components.data.validation.language_rules import check_language_domain, check_languages
from components.data.validation.weighted_rules import check_weighted

__all__ = ["compare_with_schema", "is_checked"]


def compare_with_schema(
    dataset: Any, schema: Any, document: Mapping[str, Any], *, max_foreign_share: float
) -> list[Finding]:
    """Everything in a split that the schema does not allow.

    A split without examples is not compared: that it is empty says it all.

    Args:
        dataset: the split's `DatasetFeatureStatistics`.
        schema: the `Schema`.
        document: the split's entry in `statistics.json`.
        max_foreign_share: share (0-1) of texts in languages or scripts that the schema does not name, which is not
            worth a word.
    """
    if not dataset.num_examples:
        return []
    views = {view.name: view for view in map(FeatureView, dataset.features)}
    found: list[Finding] = []

    def add(feature: str, problems: Problems) -> None:
        found.extend(Finding(dataset.name, feature, kind, message) for kind, message in problems)

    described = {feature.name for feature in schema.feature}
    for feature in schema.feature:
        if is_checked(feature):
            add(feature.name, _compare(views.get(feature.name), feature, schema))
            if feature.name == features.TEXT and feature.name in views:
                add(feature.name, _compare_text(views[feature.name], feature, document, max_foreign_share))
    for weighted in schema.weighted_feature:
        add(weighted.name, check_weighted(weighted, views, dataset.num_examples, described))
        described.add(weighted.name)
    for name in views.keys() - described:
        add(name, _new_column())
    add("", _compare_size(dataset.num_examples, schema.dataset_constraints))
    return sorted(found, key=lambda finding: finding.feature)


def is_checked(feature: Any) -> bool:
    """Whether the schema holds the feature to be in use: neither deprecated, nor only planned."""
    from tensorflow_metadata.proto.v0 import schema_pb2

    unused = (
        schema_pb2.PLANNED,
        schema_pb2.ALPHA,
        schema_pb2.DEPRECATED,
        schema_pb2.DEBUG_ONLY,
        schema_pb2.DISABLED,
    )
    return not feature.deprecated and feature.lifecycle_stage not in unused


def _compare(view: FeatureView | None, feature: Any, schema: Any) -> Problems:
    required = feature.presence.min_count or feature.presence.min_fraction or feature.HasField("shape")
    if view is None or not view.common.num_non_missing:
        if required and view is None:
            yield (
                "SCHEMA_MISSING_COLUMN",
                "the schema asks for this feature but no example has it; check `columns`",
            )
        elif required:
            yield (
                "FEATURE_TYPE_NOT_PRESENT",
                "the schema asks for values but every example is without; fill in the column",
            )
        return
    yield from _compare_type(view, feature)
    yield from _compare_presence(view.common, feature)
    yield from _compare_valency(view.common, feature)
    yield from check_domain(view, feature, schema)
    yield from _compare_unique(view, feature)


def _compare_text(
    view: FeatureView, feature: Any, document: Mapping[str, Any], max_foreign_share: float
) -> Problems:
    if feature.HasField("natural_language_domain"):
        yield from check_language_domain(view, feature.natural_language_domain, document)
    yield from check_languages(feature, document, max_foreign_share)


def _new_column() -> Problems:
    yield "SCHEMA_NEW_COLUMN", "this feature is not in the schema; add it, or leave the column out"


def _compare_size(examples: int, constraints: Any) -> Problems:
    least, most = constraints.min_examples_count, constraints.max_examples_count
    if examples < least:
        yield (
            "DATASET_LOW_NUM_EXAMPLES",
            f"{examples:,} examples where the schema asks for {least:,}; add data",
        )
    if constraints.HasField("max_examples_count") and examples > most:
        message = f"{examples:,} examples where the schema allows {most:,}"
        yield "DATASET_HIGH_NUM_EXAMPLES", f"{message}; look for rows that came twice, or correct the schema"


def _compare_type(view: FeatureView, feature: Any) -> Problems:
    from tensorflow_metadata.proto.v0 import schema_pb2

    if feature.type not in (schema_pb2.TYPE_UNKNOWN, view.type):
        names = schema_pb2.FeatureType
        message = f"expected {names.Name(feature.type)} values, got {names.Name(view.type)}"
        yield "UNEXPECTED_DATA_TYPE", f"{message}; correct the column or the schema"


def _compare_presence(common: Any, feature: Any) -> Problems:
    fraction = common.num_non_missing / (common.num_non_missing + common.num_missing)
    least = feature.presence.min_fraction
    if fraction < least:
        message = f"{fraction:.2%} of the examples have a value where the schema asks for {least:.2%}"
        yield "FEATURE_TYPE_LOW_FRACTION_PRESENT", f"{message}; fill in the column"
    if common.num_non_missing < feature.presence.min_count:
        count, least_count = common.num_non_missing, feature.presence.min_count
        message = f"{count:,} examples have a value where the schema asks for {least_count:,}"
        yield "FEATURE_TYPE_LOW_NUMBER_PRESENT", f"{message}; fill in the column"


def _compare_valency(common: Any, feature: Any) -> Problems:
    fewest, greatest = common.min_num_values, common.max_num_values
    if feature.HasField("value_count"):
        least, most = feature.value_count.min, feature.value_count.max
        if fewest < least:
            message = f"an example has {fewest} values where the schema asks for at least {least}"
            yield "FEATURE_TYPE_LOW_NUMBER_VALUES", f"{message}; fill it in, or correct the schema"
        if feature.value_count.HasField("max") and greatest > most:
            message = f"an example has {greatest} values where the schema allows {most}"
            yield "FEATURE_TYPE_HIGH_NUMBER_VALUES", f"{message}; check `separator`, or correct the schema"
    if feature.HasField("shape"):
        size = 1
        for dimension in feature.shape.dim:
            size *= dimension.size
        if common.num_missing or not fewest == greatest == size:
            message = (
                f"expected {size} in every example by the schema's shape, got {fewest} to {greatest} values"
            )
            missing = f" and none in {common.num_missing:,} examples" if common.num_missing else ""
            yield "INVALID_FEATURE_SHAPE", f"{message}{missing}; fill in the column, or remove the shape"


def _compare_unique(view: FeatureView, feature: Any) -> Problems:
    if not feature.HasField("unique_constraints"):
        return
    least, most = feature.unique_constraints.min, feature.unique_constraints.max
    if view.unique is None:
        yield (
            "FEATURE_TYPE_NO_UNIQUE",
            "the schema has unique_constraints but different numbers are not counted; remove them from the schema",
        )
    elif view.unique < least:
        message = f"expected {least:,} different values or more, got {view.unique:,}"
        yield (
            "FEATURE_TYPE_LOW_UNIQUE",
            f"{message}; look for values that were filled in, or correct the schema",
        )
    elif feature.unique_constraints.HasField("max") and view.unique > most:
        message = f"expected {most:,} different values or fewer, got {view.unique:,}"
        yield "FEATURE_TYPE_HIGH_UNIQUE", f"{message}; look for misspelt values, or correct the schema"
