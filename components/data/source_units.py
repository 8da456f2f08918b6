"""Units of work: source files, and parts of large ones, each read by itself."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO

from components.core.filesystem import open_file
from components.data.arrow_files import inspect_arrow, read_arrow
from components.data.bigquery import ReadSession, open_session, read_stream
from components.data.compression import compression_of, open_decompressed
from components.data.dataset_folders import class_names_beside
from components.data.delimited import Dialect, read_delimited, read_header
from components.data.encodings import SAMPLE_BYTES, TextEncoding, detect_encoding
from components.data.example_records import read_example_records
from components.data.json_lines import read_json_lines, refuse_array
from components.data.parquet import inspect_parquet, read_parquet
from components.data.record_groups import RecordGroups
from components.data.row_starts import RowStart, find_row_starts
from components.data.rows import BrokenRow, Row
from components.data.source_files import SourceFile
from components.data.text_files import open_lines

__all__ = ["OpenSource", "SourceUnit", "UnitPlan", "open_unit", "plan_units"]

UNIT_BYTES = 64 << 20
"""Large enough that a unit is worth a worker's while, small enough for many workers and little memory."""

_MAX_COLUMNS_SEEN = 1000
_LATER_PIECES = 8


@dataclass(frozen=True)
class SourceUnit:
    """A part of a source file that holds whole rows.

    Attributes:
        source: position of the file among the sources.
        part: position of the unit in the file, from 0.
        start: where it starts: a byte of a text file, a row group of Parquet, a record batch of Arrow; None if the unit
            is the whole file.
        end: where the next one starts.
        first_row: line number (text) or record number (else) at its start, from 1.
    """

    source: int
    part: int = 0
    start: int | None = None
    end: int | None = None
    first_row: int = 1


@dataclass(frozen=True)
class UnitPlan:
    """The units of one source file, and what is known of it before rows are read.

    Attributes:
        units: in order; together they hold every row once.
        encoding: of a text file, as in `TextEncoding`; else None.
        columns: names by position; None where every row names its own (JSON Lines, TFRecord).
        class_names: names of the classes in the order of their ids, by wanted column, where the file says them itself.
        streams: names of the streams of BigQuery that the units are.
    """

    units: tuple[SourceUnit, ...]
    text: TextEncoding | None = None
    columns: tuple[str, ...] | None = None
    class_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    streams: tuple[str, ...] = ()

    @property
    def encoding(self) -> str:
        """For reports: `utf-8`, `windows-1252 (detected)`, …, or `binary`."""
        return self.text.stated if self.text is not None else "binary"


@dataclass(frozen=True)
class OpenSource:
    """A unit being read.

    Attributes:
        rows: its rows in order.
        encoding: as in `UnitPlan`.
        columns_seen: names in the rows read so far, for formats whose rows name their own columns (at most 1,000 of
            them, and all wanted ones); else all columns of the file.
    """

    rows: Iterator[Row | BrokenRow]
    encoding: str
    columns_seen: set[str]


def plan_units(
    index: int, source: SourceFile, dialect: Dialect, wanted: Sequence[str], *, unit_bytes: int = UNIT_BYTES
) -> UnitPlan:
    """Divides a source file into units, and checks its columns.

    Rows, their numbers and broken rows are the same whatever `unit_bytes` is. Compressed files, and text that is not
    UTF-8, are one unit.

    Args:
        index: position of the file among the sources.
        source: the file.
        dialect: how text files are written.
        wanted: columns that must be there; JSON Lines and TFRecord, where every row names its own, are not checked.
        unit_bytes: least size of a unit, but for the last of a file.

    Raises:
        DataError: the file cannot be read as its format, or lacks a wanted column.
        UserError: there is no such file, or it may not be read.
    """
    match source.format:
        case "parquet":
            return _plan_groups(index, inspect_parquet(source.uri, wanted), unit_bytes)
        case "arrow":
            return _plan_groups(index, inspect_arrow(source.uri, wanted), unit_bytes)
        case "bigquery":
            return _plan_session(index, open_session(source.uri, source.query, wanted))
        case "tfrecord":
            return UnitPlan((SourceUnit(index),), class_names=class_names_beside(source.uri, wanted))
        case _:
            return _plan_text(index, source, dialect, wanted, unit_bytes)


@contextmanager
def open_unit(
    source: SourceFile, unit: SourceUnit, plan: UnitPlan, dialect: Dialect, wanted: Sequence[str]
) -> Iterator[OpenSource]:
    """Opens a unit for reading.

    Args:
        source: the file.
        unit: the part of it.
        plan: the plan that the unit is of.
        dialect: as it was planned with.
        wanted: columns that are read.

    Raises:
        DataError: the file is broken (raised while rows are read, too).
        UserError: there is no such file, or it may not be read.
    """
    where = {"start": unit.start, "end": unit.end}
    rows: Iterator[Row | BrokenRow]
    seen = set(plan.columns or ())
    match source.format:
        case "parquet":
            rows = read_parquet(source.uri, wanted=wanted, first_row=unit.first_row, **where)
            yield OpenSource(rows, plan.encoding, seen)
        case "arrow":
            rows = read_arrow(source.uri, wanted=wanted, first_row=unit.first_row, **where)
            yield OpenSource(rows, plan.encoding, seen)
        case "bigquery":
            rows = read_stream(source.uri, plan.streams[unit.part], wanted)
            yield OpenSource(rows, plan.encoding, seen)
        case "tfrecord":
            rows = _watch_columns(read_example_records(source.uri), wanted, seen)
            yield OpenSource(rows, plan.encoding, seen)
        case _:
            assert plan.text is not None
            # Only the beginning of the file can have a byte order mark.
            codec = plan.text.codec if not unit.start else "utf-8"
            with open_lines(source.uri, codec, **where) as lines:
                if source.format == "jsonl":
                    parsed = read_json_lines(lines, first_row=unit.first_row)
                    yield OpenSource(_watch_columns(parsed, wanted, seen), plan.encoding, seen)
                else:
                    assert plan.columns is not None
                    rows = read_delimited(
                        lines,
                        dialect,
                        _delimiter(source, dialect),
                        plan.columns,
                        where=source.uri,
                        first_row=unit.first_row,
                    )
                    yield OpenSource(rows, plan.encoding, seen)


def _plan_text(
    index: int, source: SourceFile, dialect: Dialect, wanted: Sequence[str], unit_bytes: int
) -> UnitPlan:
    encoding = _sample_encoding(source.uri, dialect)
    header = None
    with open_lines(source.uri, encoding.codec) as lines:
        if source.format == "jsonl":
            refuse_array(lines.read(SAMPLE_BYTES), source.uri)
        else:
            delimiter = _delimiter(source, dialect)
            header = read_header(lines, dialect, delimiter, where=source.uri, wanted=wanted)
    units: tuple[SourceUnit, ...] = (SourceUnit(index),)
    if compression_of(source.uri) is None and encoding.is_utf8:
        starts = _find_starts(source, dialect, encoding, unit_bytes)
        later = [row for row in starts[1:] if header is None or row.line > header.lines]
        units = _units_between(index, later) if later else units
    return UnitPlan(units, encoding, header.columns if header else None)


def _sample_encoding(uri: str, dialect: Dialect) -> TextEncoding:
    with open_decompressed(uri) as stream:
        head = stream.read(SAMPLE_BYTES)
        later = b"" if compression_of(uri) else _later_pieces(stream, len(head))
    return detect_encoding(head, later, uri, told=dialect.encoding)


def _later_pieces(stream: IO[bytes], begin: int) -> bytes:
    """Whole lines from all over a seekable file."""
    size = stream.seek(0, 2)
    step = (size - begin) // _LATER_PIECES
    pieces = []
    for piece in range(_LATER_PIECES if step > 0 else 0):
        stream.seek(begin + piece * step)
        lines = stream.read(min(step, SAMPLE_BYTES // _LATER_PIECES)).split(b"\n")
        pieces += lines[1:-1]
    return b"\n".join(pieces)


def _find_starts(
    source: SourceFile, dialect: Dialect, encoding: TextEncoding, unit_bytes: int
) -> list[RowStart]:
    """Where the units of a UTF-8 text file start; none if it is small or cannot be cut."""
    delimiter = _delimiter(source, dialect)
    parsed = source.format != "jsonl" and dialect.quoting
    if parsed and not delimiter.isascii():
        return []
    with open_file(source.uri) as stream:
        size = stream.seek(0, 2)
        if size <= unit_bytes:
            return []
        mark = 3 if encoding.codec == "utf-8-sig" else 0
        return find_row_starts(stream, size, unit_bytes, start=mark, delimiter=delimiter if parsed else None)


def _units_between(index: int, cuts: Sequence[RowStart]) -> tuple[SourceUnit, ...]:
    rows = [RowStart(0, 1), *cuts]
    ends = [*(row.offset for row in cuts), None]
    return tuple(
        SourceUnit(index, part, row.offset, end, row.line)
        for part, (row, end) in enumerate(zip(rows, ends, strict=True))
    )


def _plan_session(index: int, session: ReadSession) -> UnitPlan:
    units = tuple(SourceUnit(index, part, part, part + 1) for part in range(len(session.streams)))
    return UnitPlan(units, columns=session.columns, streams=session.streams)


def _plan_groups(index: int, groups: RecordGroups, unit_bytes: int) -> UnitPlan:
    """Units of as many groups as it takes to reach the size."""
    units: list[SourceUnit] = []
    start, row, begin, size = 0, 1, 1, 0
    for group, (rows, group_size) in enumerate(zip(groups.rows, groups.sizes, strict=True)):
        row += rows
        size += group_size
        if size >= unit_bytes:
            units.append(SourceUnit(index, len(units), start, group + 1, begin))
            start, begin, size = group + 1, row, 0
    if start < len(groups.rows) or not units:
        units.append(SourceUnit(index, len(units), start, len(groups.rows), begin))
    return UnitPlan(tuple(units), None, groups.columns, groups.class_names)


def _delimiter(source: SourceFile, dialect: Dialect) -> str:
    return dialect.delimiter or ("\t" if source.format == "tsv" else ",")


def _watch_columns(
    rows: Iterable[Row | BrokenRow], wanted: Sequence[str], seen: set[str]
) -> Iterator[Row | BrokenRow]:
    """Passes rows on and adds the names of their columns to `seen`."""
    missing = set(wanted)
    for row in rows:
        if isinstance(row, Row):
            if missing:
                found = missing.intersection(row.values)
                seen |= found
                missing -= found
            if len(seen) < _MAX_COLUMNS_SEEN:
                seen.update(row.values)
        yield row
