"""Dividing source files of every format into units, and reading them."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from components.data.sources.arrow_files import inspect_arrow, read_arrow
from components.data.sources.bigquery import ReadSession, open_session, read_stream
from components.data.sources.dataset_folders import class_names_beside
from components.data.sources.delimited import Dialect, likely_delimiter, read_delimited
from components.data.sources.example_records import find_example_records, read_example_records
from components.data.sources.json_lines import read_json_lines
from components.data.sources.parquet import inspect_parquet, read_parquet
from components.data.sources.record_groups import RecordGroups
from components.data.sources.rows import BrokenRow, Row
from components.data.sources.source_files import SourceFile
from components.data.sources.text_files import open_lines
from components.data.sources.text_units import delimiter_of, plan_text_units
from components.data.sources.units import UNIT_BYTES, SourceUnit, UnitPlan, units_between

__all__ = ["OpenSource", "SourceUnit", "UnitPlan", "guess_dialect", "open_unit", "plan_units"]

_MAX_COLUMNS_SEEN = 1000


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


def guess_dialect(source: SourceFile) -> Dialect:
    """How a file is written, by its header: semicolons in `.csv`, where the comma is the decimal sign, and the like."""
    usual = Dialect()
    if source.format not in ("csv", "tsv"):
        return usual
    columns = plan_units(0, source, usual, ()).columns or ()
    return Dialect(delimiter=likely_delimiter(columns, delimiter_of(source, usual)))


def plan_units(
    index: int, source: SourceFile, dialect: Dialect, wanted: Sequence[str], *, unit_bytes: int = UNIT_BYTES
) -> UnitPlan:
    """Divides a source file into units, and checks its columns.

    Rows, their numbers and broken rows are the same whatever `unit_bytes` is. Compressed files, and text in which other
    bytes than those of UTF-8 and of one-byte encodings may look like ASCII, are one unit.

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
            return _plan_groups(index, source, inspect_parquet(source.uri, wanted), wanted, unit_bytes)
        case "arrow":
            return _plan_groups(index, source, inspect_arrow(source.uri, wanted), wanted, unit_bytes)
        case "bigquery":
            return _plan_session(index, open_session(source.uri, source.query, wanted))
        case "tfrecord":
            units = units_between(index, find_example_records(source.uri, unit_bytes))
            return UnitPlan(units, class_names=class_names_beside(source.uri, wanted))
        case _:
            return plan_text_units(index, source, dialect, wanted, unit_bytes)


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
            rows = read_example_records(source.uri, first_row=unit.first_row, **where)
            rows = _watch_columns(rows, wanted, seen)
            yield OpenSource(rows, plan.encoding, seen)
        case _:
            assert plan.text is not None
            # Only the beginning of the file can have a byte order mark.
            codec = "utf-8" if unit.start and plan.text.codec == "utf-8-sig" else plan.text.codec
            with open_lines(source.uri, codec, **where) as lines:
                if source.format == "jsonl":
                    parsed = read_json_lines(lines, wanted=wanted, first_row=unit.first_row)
                    yield OpenSource(_watch_columns(parsed, wanted, seen), plan.encoding, seen)
                else:
                    assert plan.columns is not None
                    rows = read_delimited(
                        lines,
                        dialect,
                        delimiter_of(source, dialect),
                        plan.columns,
                        where=source.uri,
                        first_row=unit.first_row,
                    )
                    yield OpenSource(rows, plan.encoding, seen)


def _plan_session(index: int, session: ReadSession) -> UnitPlan:
    units = tuple(SourceUnit(index, part, part, part + 1) for part in range(len(session.streams)))
    return UnitPlan(units, columns=session.columns, streams=session.streams)


def _plan_groups(
    index: int, source: SourceFile, groups: RecordGroups, wanted: Sequence[str], unit_bytes: int
) -> UnitPlan:
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
    class_names = {**class_names_beside(source.uri, wanted), **groups.class_names}
    return UnitPlan(tuple(units), None, groups.columns, class_names)


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
