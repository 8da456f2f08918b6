"""Values that the schema's domain of a feature does not allow; the checks and conditions are TFDV's."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from components.data.statistics.feature_view import FeatureView
from components.data.validation.anomalies import AnomalyType

__all__ = ["Problems", "check_domain"]

Problems: TypeAlias = Iterator[tuple[AnomalyType, str]]

_MAX_SHOWN_VALUES = 5
_LOWEST_INT64, _HIGHEST_INT64 = -(2**63), 2**63 - 1
_CORRECT = "correct the data, or the schema's domain if they are right"


def check_domain(view: FeatureView, feature: Any, schema: Any) -> Problems:
    """Holds the values of a feature against its domain in the schema, as far as the statistics list them."""
    match feature.WhichOneof("domain_info"):
        case "domain":
            named = next((found for found in schema.string_domain if found.name == feature.domain), None)
            if named is None:
                yield (
                    "INVALID_DOMAIN_SPECIFICATION",
                    f"the schema names a string_domain {feature.domain!r} that it does not hold; add it to the schema",
                )
            else:
                yield from _check_strings(view, feature, named)
        case "string_domain":
            yield from _check_strings(view, feature, feature.string_domain)
        case "bool_domain":
            yield from _check_bool(view, feature.bool_domain)
        case "int_domain":
            yield from _check_int(view, feature.int_domain)
        case "float_domain":
            yield from _check_float(view, feature.float_domain)


def _check_strings(view: FeatureView, feature: Any, domain: Any) -> Problems:
    allowed = set(domain.value)
    if len(allowed) < len(domain.value):
        twice = sorted(value for value in allowed if list(domain.value).count(value) > 1)
        yield (
            "INVALID_DOMAIN_SPECIFICATION",
            f"the schema's domain lists {_list_names(twice)} more than once; remove the repetitions",
        )
    if not view.has_strings or not allowed:
        return
    invalid = view.statistics.string_stats.invalid_utf8_count
    if invalid:
        yield (
            "ENUM_TYPE_INVALID_UTF8",
            f"expected UTF-8 text, got {invalid:,} values that are none; convert the source",
        )
        return
    strange = {value: count for value, count in view.counts.items() if value not in allowed}
    share = sum(strange.values()) / max(1, view.common.tot_num_values)
    constraints = feature.distribution_constraints
    least = constraints.min_domain_mass if constraints.HasField("min_domain_mass") else 1.0
    if strange and 1 - share < least:
        message = f"{share:.2%} of the values are not in the schema's domain: {_list_counts(strange)}"
        yield "ENUM_TYPE_UNEXPECTED_STRING_VALUES", f"{message}; correct the data, or add them to the schema"


def _check_bool(view: FeatureView, domain: Any) -> Problems:
    if domain.HasField("true_value") and domain.true_value == domain.false_value:
        yield (
            "INVALID_DOMAIN_SPECIFICATION",
            f"the schema's bool_domain has {domain.true_value!r} for both true and false; change one",
        )
    if view.has_strings:
        valid = [value for value in (domain.true_value, domain.false_value) if value]
        strange = {value: count for value, count in view.counts.items() if value not in valid}
        if strange:
            yield (
                "BOOL_TYPE_UNEXPECTED_STRING",
                f"expected {' or '.join(map(repr, valid)) or 'no value'}, got {_list_counts(strange)}; {_CORRECT}",
            )
    elif view.statistics.type == view.statistics.INT:
        yield from _check_range(view, 0, 1, "BOOL_TYPE_SMALL_INT", "BOOL_TYPE_BIG_INT")
    elif view.numbers is not None:
        strange_number = _neither_zero_nor_one(view.numbers)
        if strange_number is not None:
            yield "BOOL_TYPE_UNEXPECTED_FLOAT", f"expected 0 or 1, got {strange_number}; {_CORRECT}"


def _neither_zero_nor_one(numbers: Any) -> str | None:
    """A number, or a range of numbers, which shows that the feature is not boolean."""
    for number in (numbers.min, numbers.max):
        if number not in (0, 1):
            return f"{number:g}"
    for histogram in numbers.histograms:
        if histogram.num_nan:
            return "NaN"
        for bucket in histogram.buckets:
            inside = histogram.type == histogram.QUANTILES and bucket.low_value > 0 and bucket.high_value < 1
            if bucket.sample_count and (bucket.high_value < 0 or bucket.low_value > 1 or inside):
                return f"values from {bucket.low_value:g} to {bucket.high_value:g}"
    return None


def _check_int(view: FeatureView, domain: Any) -> Problems:
    low = domain.min if domain.HasField("min") else None
    high = domain.max if domain.HasField("max") else None
    if view.has_strings:
        whole = {value: _to_int(value) for value in view.counts}
        strange = {value: view.counts[value] for value, number in whole.items() if number is None}
        if strange:
            yield (
                "INT_TYPE_NOT_INT_STRING",
                f"expected whole numbers, got {_list_counts(strange)}; {_CORRECT}",
            )
        elif whole:
            found = [number for number in whole.values() if number is not None]
            yield from _out_of_range(
                min(found), max(found), low, high, "INT_TYPE_SMALL_INT", "INT_TYPE_BIG_INT"
            )
    elif view.statistics.type == view.statistics.INT:
        yield from _check_range(view, low, high, "INT_TYPE_SMALL_INT", "INT_TYPE_BIG_INT")
    elif view.numbers is not None:
        yield (
            "DOMAIN_INVALID_FOR_TYPE",
            "the schema has an int_domain but the values are floats; correct either",
        )


def _check_float(view: FeatureView, domain: Any) -> Problems:
    numbers = [_to_float(value) for value in view.counts] if view.has_strings else []
    strange = {value: count for value, count in view.counts.items() if _to_float(value) is None}
    if strange:
        yield "FLOAT_TYPE_STRING_NOT_FLOAT", f"expected numbers, got {_list_counts(strange)}; {_CORRECT}"
        return
    found = [number for number in numbers if number is not None]
    nan = any(math.isnan(number) for number in found)
    if view.numbers is not None and view.statistics.type == view.statistics.FLOAT:
        found = [view.numbers.min, view.numbers.max]
        nan = any(histogram.num_nan for histogram in view.numbers.histograms)
    if nan and domain.disallow_nan:
        yield (
            "FLOAT_TYPE_HAS_NAN",
            "the schema allows no NaN but there are some; remove them, or leave the value out",
        )
    found = [number for number in found if not math.isnan(number)]
    if not found:
        return
    if domain.disallow_inf and any(map(math.isinf, found)):
        yield (
            "FLOAT_TYPE_HAS_INF",
            "the schema allows no infinity but there is one; remove it, or leave the value out",
        )
    low = domain.min if domain.HasField("min") else None
    high = domain.max if domain.HasField("max") else None
    yield from _out_of_range(
        min(found), max(found), low, high, "FLOAT_TYPE_SMALL_FLOAT", "FLOAT_TYPE_BIG_FLOAT"
    )


def _check_range(
    view: FeatureView, low: float | None, high: float | None, small: AnomalyType, big: AnomalyType
) -> Problems:
    if view.numbers is not None:
        yield from _out_of_range(view.numbers.min, view.numbers.max, low, high, small, big)


def _out_of_range(
    smallest: float,
    largest: float,
    low: float | None,
    high: float | None,
    small: AnomalyType,
    big: AnomalyType,
) -> Problems:
    if low is not None and smallest < low:
        yield small, f"expected {low:g} or more, got {smallest:g}; {_CORRECT}"
    if high is not None and largest > high:
        yield big, f"expected {high:g} or less, got {largest:g}; {_CORRECT}"


def _to_int(value: str) -> int | None:
    try:
        number = int(value)
    except ValueError:
        return None
    return number if _LOWEST_INT64 <= number <= _HIGHEST_INT64 else None


def _to_float(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _list_counts(counts: Mapping[str, float]) -> str:
    """`'sad' (2), 'mad' (1) and 7 more`."""
    shown = ", ".join(
        f"{value!r} ({count:,.0f})" for value, count in list(counts.items())[:_MAX_SHOWN_VALUES]
    )
    return shown + (f" and {len(counts) - _MAX_SHOWN_VALUES} more" if len(counts) > _MAX_SHOWN_VALUES else "")


def _list_names(values: list[str]) -> str:
    more = f" and {len(values) - _MAX_SHOWN_VALUES} more" if len(values) > _MAX_SHOWN_VALUES else ""
    return ", ".join(map(repr, values[:_MAX_SHOWN_VALUES])) + more
