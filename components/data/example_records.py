"""Rows of TFRecord files of tf.Example."""

from collections.abc import Iterator
from typing import Any

from components.core.errors import DataError
from components.data.compression import open_decompressed
from components.data.example_proto import decode_example
from components.data.rows import Row
from components.data.tfrecord import read_stream

__all__ = ["read_example_records"]


def read_example_records(uri: str) -> Iterator[Row]:
    """Yields the rows of a TFRecord file: a feature without values is None, with one value is it, with more a list.

    Bytes become text; those that are not UTF-8 appear as lone surrogates U+DC80..U+DCFF, as in text files.

    Raises:
        DataError: the file is cut off or corrupt, or a record is no tf.Example.
        UserError: there is no such file, or it may not be read.
    """
    with open_decompressed(uri) as stream:
        for number, record in enumerate(read_stream(stream, name=uri), start=1):
            try:
                features = decode_example(record)
            except DataError as err:
                raise DataError(f"{uri}: record {number}: {err}") from err
            yield Row(number, {name: _value(values) for name, values in features.items()})


def _value(values: list[Any]) -> object:
    texts = [
        value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value for value in values
    ]
    if len(texts) > 1:
        return texts
    return texts[0] if texts else None
