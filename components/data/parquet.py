"""Rows of Parquet files."""

from collections.abc import Iterator, Sequence
from typing import Any

from components.core.errors import DataError
from components.core.filesystem import open_file
from components.data.rows import Row, require_columns

__all__ = ["read_parquet"]

_BATCH_ROWS = 4096


def read_parquet(uri: str, *, wanted: Sequence[str]) -> Iterator[Row]:
    """Yields the rows of a Parquet file with the wanted columns only.

    Bytes that are not UTF-8 in a text column appear as lone surrogates U+DC80..U+DCFF, as in text files.

    Raises:
        DataError: it is no Parquet file, or lacks a wanted column.
        UserError: there is no such file, or it may not be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with open_file(uri) as stream:
        try:
            file = pq.ParquetFile(stream)
            require_columns(uri, wanted, file.schema_arrow.names)
            number = 0
            for batch in file.iter_batches(_BATCH_ROWS, columns=list(dict.fromkeys(wanted))):
                columns = {
                    name: _values(column)
                    for name, column in zip(batch.schema.names, batch.columns, strict=True)
                }
                for values in zip(*columns.values(), strict=True):
                    number += 1
                    yield Row(number, dict(zip(columns, values, strict=True)))
        except pa.ArrowException as err:
            raise DataError(
                f"{uri}: cannot be read as Parquet ({str(err).splitlines()[0]}); write it again"
            ) from err


def _values(column: Any) -> list[Any]:
    import pyarrow as pa

    try:
        values: list[Any] = column.to_pylist()
    except UnicodeDecodeError:
        raw = column.cast(pa.binary()).to_pylist()
        values = [None if value is None else value.decode("utf-8", "surrogateescape") for value in raw]
    return values
