"""What the data should look like, guessed from what they do look like, and the schema file."""

from collections.abc import Sequence
from typing import Any

from components.core import features
from components.core.errors import DataError

__all__ = ["common_statistics", "format_schema", "infer_schema", "parse_schema", "schema_type"]

_MAX_DOMAIN_VALUES = 100
"""Up to this many different values, a slice column is taken for an enumeration."""

_HEADER = """\
# What the examples should look like, inferred from the data: tensorflow.metadata.v0.Schema in text form.
# To keep it, copy it beside your configuration, correct it, and name it in `schema_gen: {schema_path: …}`.

"""


def infer_schema(datasets: Sequence[Any], label_names: Sequence[str]) -> Any:
    """A `Schema` that all given data fit.

    Args:
        datasets: a `DatasetFeatureStatistics` per split.
        label_names: the label list, which becomes the domain of the labels.
    """
    from tensorflow_metadata.proto.v0 import schema_pb2

    filled = [dataset for dataset in datasets if dataset.num_examples]
    by_feature: dict[str, list[Any]] = {}
    for dataset in filled:
        for statistics in dataset.features:
            by_feature.setdefault(statistics.name, []).append(statistics)
    schema = schema_pb2.Schema()
    for name, found in sorted(by_feature.items()):
        feature = schema.feature.add(name=name, type=_schema_type(found))
        _fill_presence(feature, found, len(filled))
        _fill_valency(feature, found)
        values = list(label_names) if name == features.LABELS else _enumerated(name, found)
        if values:
            feature.domain = name
            schema.string_domain.add(name=name, value=values)
    return schema


def format_schema(schema: Any) -> str:
    """The schema's text form, with a word on how to use it."""
    from google.protobuf import text_format

    return _HEADER + str(text_format.MessageToString(schema, as_utf8=True))


def parse_schema(text: str, where: str) -> Any:
    """Reads a schema's text form.

    Args:
        text: protobuf text format.
        where: what error messages call it.

    Raises:
        DataError: it is no `Schema`, or it describes neither text nor labels.
    """
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    try:
        schema = text_format.Parse(text, schema_pb2.Schema())
    except text_format.ParseError as err:
        raise DataError(
            f"{where}: no tensorflow-metadata schema in text form: {' '.join(str(err).split())}; correct it, or remove "
            "`schema_gen.schema_path` to have one inferred"
        ) from err
    described = {feature.name for feature in schema.feature}
    for name in (features.TEXT, features.LABELS):
        if name not in described:
            raise DataError(
                f"{where}: describes no feature {name!r}, only {', '.join(sorted(described)) or 'none at all'}; start "
                "from the schema.pbtxt that is inferred without `schema_gen.schema_path`"
            )
    return schema


def common_statistics(statistics: Any) -> Any:
    """The `CommonStatistics` of a `FeatureNameStatistics`, whatever its type."""
    kind = statistics.WhichOneof("stats")
    return getattr(statistics, kind).common_stats


def schema_type(statistics: Any) -> int:
    """The `FeatureType` that a feature's statistics speak of."""
    from tensorflow_metadata.proto.v0 import schema_pb2

    names = {statistics.INT: schema_pb2.INT, statistics.FLOAT: schema_pb2.FLOAT}
    return int(names.get(statistics.type, schema_pb2.BYTES))


def _schema_type(found: Sequence[Any]) -> int:
    """The type of the first split that has values: a feature without any says nothing of its type."""
    filled = [statistics for statistics in found if common_statistics(statistics).num_non_missing]
    return schema_type((filled or found)[0])


def _fill_presence(feature: Any, found: Sequence[Any], datasets: int) -> None:
    """Required if no example of any split misses it; labels may always be empty."""
    missing = sum(common_statistics(statistics).num_missing for statistics in found)
    in_all = len(found) == datasets and all(
        common_statistics(statistics).num_non_missing for statistics in found
    )
    if in_all:
        feature.presence.min_count = 1
        if not missing and feature.name != features.LABELS:
            feature.presence.min_fraction = 1.0


def _fill_valency(feature: Any, found: Sequence[Any]) -> None:
    """One value if there is never more; else any number from one up."""
    most = max(common_statistics(statistics).max_num_values for statistics in found)
    feature.value_count.min = 1
    if most <= 1:
        feature.value_count.max = 1


def _enumerated(name: str, found: Sequence[Any]) -> list[str]:
    if not name.startswith(features.SLICE_PREFIX):
        return []
    values = {
        bucket.label for statistics in found for bucket in statistics.string_stats.rank_histogram.buckets
    }
    return sorted(values) if 0 < len(values) <= _MAX_DOMAIN_VALUES else []
