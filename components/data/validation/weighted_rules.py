"""Values without weights and weights without values, where the schema says that two features belong together."""

from collections.abc import Mapping
from typing import Any

from components.data.statistics.feature_view import FeatureView
from components.data.validation.domain_rules import Problems

__all__ = ["check_weighted"]


def check_weighted(weighted: Any, views: Mapping[str, FeatureView], rows: int, named: set[str]) -> Problems:
    """Holds the statistics against a `WeightedFeature` of the schema.

    TFDV's custom statistics of the pair (`missing_value`, `missing_weight`, `min_weight_length_diff`,
    `max_weight_length_diff`) are used if they were computed. Else the counts of the two features alone tell what is
    certain, which may be less than there is.

    Args:
        weighted: of the schema.
        views: features of the split by name.
        rows: number of examples of the split.
        named: names of the schema's features.
    """
    if weighted.name in named:
        yield (
            "WEIGHTED_FEATURE_NAME_COLLISION",
            f"the schema calls both a feature and a weighted feature {weighted.name!r}; rename one",
        )
        return
    if not weighted.feature.step or not weighted.weight_feature.step:
        yield (
            "INVALID_DOMAIN_SPECIFICATION",
            f"the schema's weighted_feature {weighted.name!r} lacks a feature or a weight_feature; name both by a step",
        )
        return
    value_name, weight_name = weighted.feature.step[-1], weighted.weight_feature.step[-1]
    own = views.get(weighted.name)
    if own is not None:
        without_value, without_weight = (
            own.custom_number("missing_value"),
            own.custom_number("missing_weight"),
        )
        lengths_differ = bool(
            own.custom_number("min_weight_length_diff") or own.custom_number("max_weight_length_diff")
        )
    else:
        present = {name: _present(views.get(name)) for name in (value_name, weight_name)}
        without_weight = max(0, present[value_name] - present[weight_name])
        without_value = max(0, present[weight_name] - present[value_name])
        values, weights = views.get(value_name), views.get(weight_name)
        lengths_differ = bool(
            present[value_name] == present[weight_name] == rows
            and values
            and weights
            and values.common.tot_num_values != weights.common.tot_num_values
        )
    if without_value:
        message = f"{without_value:,.0f} examples have a {weight_name} but no {value_name}"
        yield "WEIGHTED_FEATURE_MISSING_VALUE", f"{message}; expected both or neither: fill in the column"
    if without_weight:
        message = f"{without_weight:,.0f} examples have a {value_name} but no {weight_name}"
        yield "WEIGHTED_FEATURE_MISSING_WEIGHT", f"{message}; expected both or neither: fill in the column"
    if lengths_differ:
        message = f"examples have more or fewer values of {weight_name} than of {value_name}"
        yield (
            "WEIGHTED_FEATURE_LENGTH_MISMATCH",
            f"{message}; expected one weight for each value: correct the data",
        )


def _present(view: FeatureView | None) -> int:
    return 0 if view is None else int(view.common.num_non_missing)
