"""The schema file: a tensorflow-metadata `Schema` in text form, with what a person who curates it wants to know."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from components.core import features
from components.core.errors import DataError
from components.core.filesystem import open_file
from serving.distances import Counts, shares

__all__ = ["format_schema", "parse_schema", "read_schema_text"]

_HEADER = """\
# What the examples should look like, {origin}: tensorflow.metadata.v0.Schema in text form.
# To keep it, copy it beside your configuration, correct it, name it in `schema_gen: {{schema_path: …}}` and put it
# under version control. `emotion validate DATA --schema FILE --write-schema FILE` adds what new data bring.
# Features are called as the stages call them (text, labels, slice/<column>), whatever the columns of the source are.
"""

_DATASET = """
# To be told when a split has too few rows, or far fewer or more than in the last accepted run, uncomment:
# dataset_constraints {
#   min_examples_count: 1000
#   num_examples_drift_comparator { min_fraction_threshold: 0.5 max_fraction_threshold: 2.0 }
# }
"""


def format_schema(
    schema: Any, *, counts: Mapping[str, Sequence[Counts]] | None = None, origin: str = "inferred"
) -> str:
    """The schema's text form with comments: what each feature may hold, and comparisons that can be switched on.

    Args:
        schema: the `Schema`.
        counts: how often the values of a feature were seen in each split, from which thresholds are suggested.
        origin: how the schema came about, for the first line.
    """
    blocks = [_HEADER.format(origin=origin)]
    for feature in schema.feature:
        domain = next((found for found in schema.string_domain if found.name == feature.domain), None)
        blocks.append("\n".join(_feature_lines(feature, domain, (counts or {}).get(feature.name, ()))) + "\n")
    rest = type(schema)()
    rest.CopyFrom(schema)
    rest.ClearField("feature")
    if rest.ByteSize():
        blocks.append(_text(rest))
    if not schema.HasField("dataset_constraints"):
        blocks.append(_DATASET.lstrip("\n"))
    return "\n".join(blocks)


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


def read_schema_text(uri: str) -> str:
    """The content of a schema file.

    Raises:
        DataError: it is not UTF-8 text.
        UserError: there is no such file, or it may not be read.
    """
    try:
        with open_file(uri) as stream:
            content: bytes = stream.read()
        return content.decode()
    except UnicodeDecodeError as err:
        raise DataError(f"{uri}: is not UTF-8 text; expected a schema in protobuf text form") from err


def _feature_lines(feature: Any, domain: Any | None, counts: Sequence[Counts]) -> Iterator[str]:
    """The feature's block, a sentence before it, and suggestions at its end."""
    from tensorflow_metadata.proto.v0 import schema_pb2

    yield f"# {feature.name}: {_describe(feature, domain)}."
    alone = schema_pb2.Schema(feature=[feature])
    *lines, end = _text(alone).rstrip("\n").split("\n")
    yield from lines
    yield from _suggestions(feature, domain, counts)
    yield end


def _describe(feature: Any, domain: Any | None) -> str:
    every = feature.presence.min_fraction == 1
    where = "in every example" if every else "in some examples" if feature.presence.min_count else "optional"
    single = feature.value_count.max == 1
    many = "one value" if single else f"{max(1, feature.value_count.min)} or more values"
    known = f" out of {len(domain.value)}" if domain is not None else ""
    return f"{where}, {many}{known}"


def _suggestions(feature: Any, domain: Any | None, counts: Sequence[Counts]) -> Iterator[str]:
    if domain is not None:
        if not feature.HasField("distribution_constraints"):
            yield "  # To let up to 1 % of the values be others, uncomment:"
            yield "  # distribution_constraints { min_domain_mass: 0.99 }"
        limit = _suggested_threshold(counts)
        if not feature.HasField("drift_comparator"):
            yield "  # To be told when shares differ from those of the last accepted run, uncomment:"
            yield f"  # drift_comparator {{ infinity_norm {{ threshold: {limit} }} }}"
        if not feature.HasField("skew_comparator"):
            yield "  # Likewise from those of the other splits and of the data that are served:"
            yield f"  # skew_comparator {{ infinity_norm {{ threshold: {limit} }} }}"
    if feature.name == features.TEXT and not feature.annotation.tag:
        yield "  # To be told of texts in other languages or scripts, uncomment:"
        yield '  # annotation { tag: "language:en" tag: "script:Latin" }'


def _suggested_threshold(splits: Sequence[Counts]) -> float:
    """What chance alone hardly ever makes of two data sets of the smallest split's size: four standard errors of the
    most frequent value's share; at least 0.02, as less is a trifle.
    """
    errors = [
        math.sqrt(largest * (1 - largest) * 2 / sum(counts.values()))
        for counts in splits
        if (largest := max(shares(counts).values(), default=0.0))
    ]
    return max(0.02, math.ceil(4 * max(errors, default=0.0) * 100) / 100)


def _text(message: Any) -> str:
    from google.protobuf import text_format

    return str(text_format.MessageToString(message, as_utf8=True))
