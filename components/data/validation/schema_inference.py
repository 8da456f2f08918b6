"""What the data should look like, guessed from what they do look like."""

import math
from collections.abc import Sequence
from typing import Any

from components.core import features
from components.data.statistics.feature_view import FeatureView

__all__ = ["infer_schema"]

_MAX_DOMAIN_VALUES = 100
"""Up to this many different values, a slice column is taken for an enumeration."""

_LENGTH_HEADROOM = 1.5
"""A text may be longer than the longest one seen by this factor before the schema calls it too long."""

_COVERAGE_HEADROOM = 0.95
"""Later data may use the vocabulary less, and be divided into shorter tokens, by this factor."""


def infer_schema(datasets: Sequence[Any], label_names: Sequence[str]) -> Any:
    """A `Schema` that all given data fit.

    Args:
        datasets: a `DatasetFeatureStatistics` per split.
        label_names: the label list, which becomes the domain of the labels.
    """
    from tensorflow_metadata.proto.v0 import schema_pb2

    filled = [dataset for dataset in datasets if dataset.num_examples]
    by_feature: dict[str, list[FeatureView]] = {}
    for dataset in filled:
        for view in map(FeatureView, dataset.features):
            by_feature.setdefault(view.name, []).append(view)
    schema = schema_pb2.Schema()
    for name, found in sorted(by_feature.items()):
        feature = schema.feature.add(name=name, type=_schema_type(found))
        _fill_presence(feature, found, len(filled))
        _fill_valency(feature, found)
        values = list(label_names) if name == features.LABELS else _enumerated(name, found)
        if values:
            feature.domain = name
            schema.string_domain.add(name=name, value=values)
        if name == features.TEXT:
            _fill_language(feature, found)
    return schema


def _schema_type(found: Sequence[FeatureView]) -> int:
    """The type of the first split that has values: a feature without any says nothing of its type."""
    filled = [view for view in found if view.common.num_non_missing]
    return (filled or found)[0].type


def _fill_presence(feature: Any, found: Sequence[FeatureView], datasets: int) -> None:
    """Required if no example of any split misses it; labels may always be empty."""
    missing = sum(view.common.num_missing for view in found)
    if len(found) == datasets and all(view.common.num_non_missing for view in found):
        feature.presence.min_count = 1
        if not missing and feature.name != features.LABELS:
            feature.presence.min_fraction = 1.0


def _fill_valency(feature: Any, found: Sequence[FeatureView]) -> None:
    """One value if there is never more; else any number from one up."""
    feature.value_count.min = 1
    if max(view.common.max_num_values for view in found) <= 1:
        feature.value_count.max = 1


def _enumerated(name: str, found: Sequence[FeatureView]) -> list[str]:
    if not name.startswith(features.SLICE_PREFIX):
        return []
    values = {value for view in found for value in view.counts}
    return sorted(values) if 0 < len(values) <= _MAX_DOMAIN_VALUES else []


def _fill_language(feature: Any, found: Sequence[FeatureView]) -> None:
    """Limits of coverage, token lengths, sequence lengths and special tokens, if a tokenizer has counted them."""
    filled = [view for view in found if view.common.num_non_missing]
    counted = [statistics for view in filled if (statistics := view.language) is not None]
    if not counted or len(counted) < len(filled):
        return
    domain = feature.natural_language_domain
    coverage = min(statistics.feature_coverage for statistics in counted)
    if coverage > 0:
        domain.coverage.min_coverage = math.floor(coverage * _COVERAGE_HEADROOM * 100) / 100
    length = min(statistics.avg_token_length for statistics in counted)
    if length > 0:
        domain.coverage.min_avg_token_length = math.floor(length * _COVERAGE_HEADROOM * 10) / 10
    longest = max(statistics.max_sequence_length for statistics in counted)
    if longest > 0:
        domain.sequence_length_constraints.min_sequence_length = 1
        domain.sequence_length_constraints.max_sequence_length = math.ceil(longest * _LENGTH_HEADROOM)
    _fill_tokens(domain, counted)


def _fill_tokens(domain: Any, counted: Sequence[Any]) -> None:
    """Special tokens may be in twice as many texts, and once in a hundred texts more, than was seen."""
    fractions: dict[str, list[float]] = {}
    for statistics in counted:
        for token in statistics.token_statistics:
            if token.string_token.startswith("[") and token.string_token.endswith("]"):
                fractions.setdefault(token.string_token, []).append(token.fraction_of_sequences)
    for name, found in sorted(fractions.items()):
        most = math.ceil((2 * max(found) + 0.01) * 100) / 100
        if len(found) == len(counted) and most < 1:
            domain.token_constraints.add(string_value=name, max_fraction_of_sequences=most)
