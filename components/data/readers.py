"""Reading any source file by rows."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from components.data.delimited import Dialect, read_delimited
from components.data.example_records import read_example_records
from components.data.json_lines import read_json_lines
from components.data.parquet import read_parquet
from components.data.rows import BrokenRow, Row, require_columns
from components.data.source_files import SourceFile
from components.data.text_files import open_text

__all__ = ["OpenSource", "open_source"]


@dataclass(frozen=True)
class OpenSource:
    """A source file being read.

    Attributes:
        rows: its rows in order.
        encoding: `utf-8`, `utf-8-sig` (with a byte order mark), or `binary` for Parquet and TFRecord.
    """

    rows: Iterator[Row | BrokenRow]
    encoding: str


@contextmanager
def open_source(source: SourceFile, dialect: Dialect, wanted: Sequence[str]) -> Iterator[OpenSource]:
    """Opens a source file.

    Args:
        source: the file.
        dialect: how it is written, if it is CSV or TSV.
        wanted: columns that must be there; JSON Lines and TFRecord, where every row names its own columns, are
            checked when all rows have been read.

    Raises:
        DataError: the file cannot be read as its format, or lacks a wanted column (raised while rows are read, too).
        UserError: there is no such file, or it may not be read.
    """
    match source.format:
        case "parquet":
            yield OpenSource(read_parquet(source.uri, wanted=wanted), "binary")
        case "tfrecord":
            yield OpenSource(_require_keys(read_example_records(source.uri), source.uri, wanted), "binary")
        case "jsonl":
            with open_text(source.uri) as file:
                yield OpenSource(
                    _require_keys(read_json_lines(file.lines), source.uri, wanted), file.encoding
                )
        case "csv" | "tsv":
            delimiter = "," if source.format == "csv" else "\t"
            with open_text(source.uri) as file:
                rows = read_delimited(file.lines, dialect, delimiter, where=source.uri, wanted=wanted)
                yield OpenSource(rows, file.encoding)


def _require_keys(
    rows: Iterable[Row | BrokenRow], where: str, wanted: Sequence[str]
) -> Iterator[Row | BrokenRow]:
    """Passes rows on; at the end, checks that every wanted key was in some row."""
    missing = set(wanted)
    seen: dict[str, None] = {}
    for row in rows:
        if missing and isinstance(row, Row):
            missing.difference_update(row.values)
            seen.update(dict.fromkeys(row.values))
        yield row
    if seen:
        require_columns(where, wanted, list(seen))
