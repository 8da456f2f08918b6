"""Rows of TFRecord files of tf.Example."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from components.core.errors import DataError
from components.core.filesystem import open_file
from components.data.records.example_proto import decode_example
from components.data.records.tfrecord import find_records, read_stream
from components.data.sources.compression import compression_of, open_decompressed
from components.data.sources.rows import Row
from components.data.sources.text_files import open_slice

__all__ = ["find_example_records", "read_example_records"]


def find_example_records(uri: str, part_bytes: int) -> list[tuple[int, int]]:
    """Offset and number of records that cut a file into parts of at least `part_bytes`; one if it is compressed.

    Raises:
        UserError: there is no such file, or it may not be read.
    """
    if compression_of(uri) is not None:
        return [(0, 1)]
    with open_file(uri) as stream:
        size = stream.seek(0, 2)
        return find_records(stream, size, part_bytes) if size > part_bytes else [(0, 1)]


def read_example_records(
    uri: str, *, start: int | None = None, end: int | None = None, first_row: int = 1
) -> Iterator[Row]:
    """Yields the rows of a TFRecord file: a feature without values is None, with one value is it, with more a list.

    Bytes become text; those that are not UTF-8 appear as lone surrogates U+DC80..U+DCFF, as in text files.

    Args:
        uri: path or URI.
        start: the first byte that is read, where a record starts; None for the whole file.
        end: the byte after the last.
        first_row: number of the first record.

    Raises:
        DataError: the file is cut off or corrupt, or a record is no tf.Example.
        UserError: there is no such file, or it may not be read.
    """
    with ExitStack() as stack:
        if start is None:
            stream = stack.enter_context(open_decompressed(uri))
        else:
            stream = open_slice(stack.enter_context(open_file(uri)), start, end)
        # Not kept in a variable: it must be closed before the stream is.
        for number, record in enumerate(read_stream(stream, name=uri, first=first_row), start=first_row):
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
