"""From the columns of Arrow record batches to rows of plain Python values."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from components.data.sources.rows import Row

__all__ = ["batch_rows", "class_names_in_features", "class_names_in_schema", "column_names", "outer_columns"]

_BATCH_ROWS = 4096


def batch_rows(batch: Any, wanted: Sequence[str], first_row: int) -> Iterator[Row]:
    """Yields the rows of one record batch with the wanted columns only.

    Text is decoded here, binary columns too: bytes that are not UTF-8 appear as lone surrogates U+DC80..U+DCFF, as in
    text files.

    Args:
        batch: a pyarrow RecordBatch; its content is checked, as files from anywhere may hold offsets that lead astray.
        wanted: names of columns.
        first_row: number of the first row.

    Raises:
        pyarrow.ArrowException: the content is broken.
    """
    names = list(dict.fromkeys(wanted))
    for begin in range(0, batch.num_rows, _BATCH_ROWS):
        part = batch.slice(begin, _BATCH_ROWS)
        columns = [_values(_column(part, name)) for name in names]
        for number, values in enumerate(zip(*columns, strict=True), start=first_row + begin):
            yield Row(number, dict(zip(names, values, strict=True)))


def column_names(schema: Any) -> tuple[str, ...]:
    """Names of all columns; fields inside structures follow as `column.field`."""
    return (*schema.names, *(name for field in schema for name in _inner_names(field)))


def outer_columns(schema: Any, wanted: Sequence[str]) -> set[str]:
    """The columns that hold what is wanted."""
    return {name if name in schema.names else name.partition(".")[0] for name in wanted}


def _inner_names(field: Any) -> Iterator[str]:
    import pyarrow as pa

    for inner in field.type if pa.types.is_struct(field.type) else ():
        yield f"{field.name}.{inner.name}"
        yield from (f"{field.name}.{name}" for name in _inner_names(inner))


def _column(batch: Any, name: str) -> Any:
    """A column, or the field of a structure that `column.field` names."""
    import pyarrow.compute as pc

    if name in batch.schema.names:
        return batch.column(name)
    outer, _, inner = name.partition(".")
    return pc.struct_field(batch.column(outer), inner.split("."))


def class_names_in_schema(schema: Any, wanted: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Names of the classes by column, where the `datasets` library wrote them into an Arrow schema."""
    try:
        document = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = document["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    return class_names_in_features(features, wanted)


def class_names_in_features(features: object, wanted: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Names of the classes by column in a description of features as the `datasets` library writes it."""
    if not isinstance(features, Mapping):
        return {}
    found = {name: _class_names(features.get(name)) for name in wanted}
    return {name: names for name, names in found.items() if names}


def _class_names(feature: object) -> tuple[str, ...]:
    """The names in a ClassLabel, or in a list of them."""
    while not (isinstance(feature, Mapping) and feature.get("_type") == "ClassLabel"):
        if isinstance(feature, list) and len(feature) == 1:
            feature = feature[0]
        elif isinstance(feature, Mapping) and "feature" in feature:
            feature = feature["feature"]
        else:
            return ()
    names = feature.get("names")
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return tuple(names)
    return ()


def _values(column: Any) -> list[Any]:
    import pyarrow as pa

    try:
        column.validate(full=True)
        values: list[Any] = column.to_pylist()
    except (pa.ArrowInvalid, UnicodeDecodeError):
        column = column.cast(_with_bytes(column.type))
        column.validate(full=True)
        values = column.to_pylist()
    except (ValueError, OverflowError):
        # Points in time that Python's own types cannot hold.
        values = column.cast(pa.string()).to_pylist()
    return [_decode(value) for value in values] if _holds_bytes(column.type) else values


def _with_bytes(kind: Any) -> Any:
    """The type with bytes in place of text, whatever it is nested in."""
    import pyarrow as pa

    if pa.types.is_string(kind) or pa.types.is_string_view(kind):
        return pa.binary()
    if pa.types.is_large_string(kind):
        return pa.large_binary()
    if pa.types.is_dictionary(kind):
        return _with_bytes(kind.value_type)
    if pa.types.is_large_list(kind):
        return pa.large_list(_with_bytes(kind.value_type))
    if pa.types.is_list(kind):
        return pa.list_(_with_bytes(kind.value_type))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_with_bytes(kind.value_type), kind.list_size)
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_with_bytes(field.type)) for field in kind])
    return kind


def _holds_bytes(kind: Any) -> bool:
    return "binary" in str(kind)


def _decode(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, list):
        return [_decode(item) for item in value]
    if isinstance(value, dict):
        return {name: _decode(item) for name, item in value.items()}
    return value
