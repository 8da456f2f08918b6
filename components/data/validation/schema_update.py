"""A curated schema made to fit new data, saying what had to change."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from components.data.statistics.feature_view import FeatureView
from components.data.validation.schema_inference import infer_schema
from components.data.validation.schema_rules import is_checked

__all__ = ["update_schema"]

Changes: TypeAlias = Iterator[str]


def update_schema(schema: Any, datasets: Sequence[Any], label_names: Sequence[str]) -> tuple[Any, list[str]]:
    """The schema, relaxed as far as the data ask for it, and what was changed, a sentence each.

    New features and values are added, presence and ranges widened; nothing is removed or made stricter, as a person may
    know more than these data show. What is a matter of judgement is left alone: types, comparators, token constraints.

    Args:
        schema: the curated `Schema`.
        datasets: a `DatasetFeatureStatistics` per split.
        label_names: the label list of the data.
    """
    updated = type(schema)()
    updated.CopyFrom(schema)
    changes: list[str] = []
    inferred = infer_schema(datasets, label_names)
    by_name = {feature.name: feature for feature in updated.feature}
    for dataset in datasets:
        for view in map(FeatureView, dataset.features):
            feature = by_name.get(view.name)
            if feature is not None and is_checked(feature) and view.common.num_non_missing:
                changes += _relax(view, feature, updated)
    for feature in inferred.feature:
        if feature.name not in by_name:
            updated.feature.add().CopyFrom(feature)
            updated.string_domain.extend(
                domain for domain in inferred.string_domain if domain.name == feature.domain
            )
            changes.append(f"{feature.name}: new feature")
    changes += _relax_size([dataset.num_examples for dataset in datasets if dataset.num_examples], updated)
    return updated, list(dict.fromkeys(changes))


def _relax(view: FeatureView, feature: Any, schema: Any) -> Changes:
    common = view.common
    fraction = common.num_non_missing / (common.num_non_missing + common.num_missing)
    yield from _lower(feature.presence, "min_fraction", fraction, feature.name)
    yield from _lower(feature.presence, "min_count", common.num_non_missing, feature.name)
    yield from _lower(feature.value_count, "min", common.min_num_values, feature.name)
    yield from _raise(feature.value_count, "max", common.max_num_values, feature.name)
    if view.unique is not None and feature.HasField("unique_constraints"):
        yield from _lower(feature.unique_constraints, "min", view.unique, feature.name)
        yield from _raise(feature.unique_constraints, "max", view.unique, feature.name)
    match feature.WhichOneof("domain_info"):
        case "domain":
            for domain in schema.string_domain:
                if domain.name == feature.domain:
                    yield from _add_values(view, domain, feature.name)
        case "string_domain":
            yield from _add_values(view, feature.string_domain, feature.name)
        case "int_domain" | "float_domain" as kind if view.numbers is not None:
            as_number: Callable[[float], float] = int if kind == "int_domain" else float
            domain = getattr(feature, kind)
            yield from _lower(domain, "min", as_number(view.numbers.min), feature.name)
            yield from _raise(domain, "max", as_number(view.numbers.max), feature.name)
        case "natural_language_domain" if view.language is not None:
            yield from _relax_language(view, feature.natural_language_domain, feature.name)


def _relax_language(view: FeatureView, domain: Any, name: str) -> Changes:
    found = view.language
    if found is None:
        return
    yield from _lower(domain.coverage, "min_coverage", _round_down(found.feature_coverage), name)
    yield from _lower(domain.coverage, "min_avg_token_length", _round_down(found.avg_token_length), name)
    limits = domain.sequence_length_constraints
    yield from _lower(limits, "min_sequence_length", found.min_sequence_length, name)
    yield from _raise(limits, "max_sequence_length", found.max_sequence_length, name)


def _relax_size(rows: Sequence[int], schema: Any) -> Changes:
    if rows and schema.HasField("dataset_constraints"):
        yield from _lower(schema.dataset_constraints, "min_examples_count", min(rows), "dataset")
        yield from _raise(schema.dataset_constraints, "max_examples_count", max(rows), "dataset")


def _add_values(view: FeatureView, domain: Any, name: str) -> Changes:
    new = sorted(set(view.counts) - set(domain.value))
    if new and domain.value:
        domain.value.extend(new)
        yield f"{name}: new values {', '.join(map(repr, new))}"


def _round_down(value: float) -> float:
    """To three decimals: the schema's fields hold fewer digits than the statistics'."""
    return math.floor(value * 1000) / 1000


def _lower(message: Any, field: str, value: float, name: str) -> Changes:
    """Sets a minimum to `value` if it is set and higher."""
    if message.HasField(field) and value < getattr(message, field):
        yield f"{name}: {field} {getattr(message, field):g} -> {value:g}"
        setattr(message, field, value)


def _raise(message: Any, field: str, value: float, name: str) -> Changes:
    """Sets a maximum to `value` if it is set and lower."""
    if message.HasField(field) and value > getattr(message, field):
        yield f"{name}: {field} {getattr(message, field):g} -> {value:g}"
        setattr(message, field, value)
