"""Rows of Parquet files, by row groups."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from components.core.errors import DataError
from components.core.filesystem import open_file
from components.data.sources.arrow_values import (
    batch_rows,
    class_names_in_schema,
    column_names,
    outer_columns,
)
from components.data.sources.record_groups import RecordGroups
from components.data.sources.rows import Row, require_columns

__all__ = ["inspect_parquet", "read_parquet"]

_BATCH_ROWS = 4096
_BUFFER_BYTES = 1 << 20


def inspect_parquet(uri: str, wanted: Sequence[str]) -> RecordGroups:
    """Reads the footer of a Parquet file.

    Raises:
        DataError: it is no Parquet file, or lacks a wanted column.
        UserError: there is no such file, or it may not be read.
    """
    with _open(uri) as file:
        groups = [file.metadata.row_group(group) for group in range(file.num_row_groups)]
        columns = column_names(file.schema_arrow)
        require_columns(uri, wanted, columns)
        return RecordGroups(
            columns,
            rows=tuple(group.num_rows for group in groups),
            sizes=tuple(group.total_byte_size for group in groups),
            class_names=class_names_in_schema(file.schema_arrow, wanted),
        )


def read_parquet(
    uri: str, *, wanted: Sequence[str], start: int | None = None, end: int | None = None, first_row: int = 1
) -> Iterator[Row]:
    """Yields the rows of a Parquet file with the wanted columns only, in little memory whatever their number.

    Args:
        uri: path or URI.
        wanted: names of columns.
        start: the first row group, from 0; None for the whole file.
        end: the row group after the last.
        first_row: number of the first row.

    Raises:
        DataError: the file is broken.
        UserError: there is no such file, or it may not be read.
    """
    with _open(uri) as file:
        groups = list(range(start or 0, file.num_row_groups if end is None else end))
        missing = sum(file.metadata.row_group(group).num_rows for group in groups)
        columns = sorted(outer_columns(file.schema_arrow, wanted))
        for batch in file.iter_batches(_BATCH_ROWS, row_groups=groups, columns=columns, use_threads=False):
            yield from batch_rows(batch, wanted, first_row)
            first_row += batch.num_rows
            missing -= batch.num_rows
        if missing:
            raise ValueError(f"{missing} rows less than its footer says")


@contextmanager
def _open(uri: str) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with open_file(uri) as stream:
        try:
            yield pq.ParquetFile(stream, buffer_size=_BUFFER_BYTES)
        except (pa.ArrowException, OSError, ValueError) as err:
            raise DataError(
                f"{uri}: cannot be read as Parquet ({_first_line(err)}); write or copy it again"
            ) from err


def _first_line(err: Exception) -> str:
    return next(iter(str(err).splitlines()), type(err).__name__)
