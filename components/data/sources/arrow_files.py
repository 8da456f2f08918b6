"""Rows of Arrow IPC files and streams, which the `datasets` library writes, by record batches."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Any

from components.core.errors import DataError
from components.core.filesystem import is_remote, open_file
from components.data.sources.arrow_values import batch_rows, class_names_in_schema, column_names
from components.data.sources.record_groups import RecordGroups
from components.data.sources.rows import Row, require_columns

__all__ = ["inspect_arrow", "read_arrow"]

_FILE_MAGIC = b"ARROW1"


def inspect_arrow(uri: str, wanted: Sequence[str]) -> RecordGroups:
    """Reads the schema and the sizes of the record batches; of a local file that is not compressed, nothing else.

    Raises:
        DataError: it is no Arrow file, or lacks a wanted column.
        UserError: there is no such file, or it may not be read.
    """
    with _open(uri) as (schema, batches):
        columns = column_names(schema)
        require_columns(uri, wanted, columns)
        sizes = [(batch.num_rows, batch.get_total_buffer_size()) for batch in batches]
        return RecordGroups(
            columns,
            rows=tuple(rows for rows, _ in sizes),
            sizes=tuple(size for _, size in sizes),
            class_names=class_names_in_schema(schema, wanted),
        )


def read_arrow(
    uri: str, *, wanted: Sequence[str], start: int | None = None, end: int | None = None, first_row: int = 1
) -> Iterator[Row]:
    """Yields the rows of an Arrow file with the wanted columns only.

    Args:
        uri: path or URI.
        wanted: names of columns.
        start: the first record batch, from 0; None for the whole file.
        end: the record batch after the last.
        first_row: number of the first row.

    Raises:
        DataError: the file is broken.
        UserError: there is no such file, or it may not be read.
    """
    with _open(uri) as (_, batches):
        for batch in islice(batches, start, end):
            yield from batch_rows(batch, wanted, first_row)
            first_row += batch.num_rows


@contextmanager
def _open(uri: str) -> Iterator[tuple[Any, Iterator[Any]]]:
    """The schema and the record batches of a file, mapped into memory if it is local."""
    import pyarrow as pa

    with ExitStack() as stack:
        stream = stack.enter_context(open_file(uri))
        try:
            source = pa.PythonFile(stream, "r") if is_remote(uri) else pa.memory_map(uri)
            stack.enter_context(source)
            is_file = source.read(len(_FILE_MAGIC)) == _FILE_MAGIC
            source.seek(0)
            if is_file:
                reader = stack.enter_context(pa.ipc.open_file(source))
                yield reader.schema, map(reader.get_batch, range(reader.num_record_batches))
            else:
                reader = stack.enter_context(pa.ipc.open_stream(source))
                yield reader.schema, iter(reader)
        except (pa.ArrowException, OSError, ValueError) as err:
            told = next(iter(str(err).splitlines()), type(err).__name__)
            raise DataError(f"{uri}: cannot be read as Arrow ({told}); write or copy it again") from err
