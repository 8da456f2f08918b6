"""Units of work: source files, and parts of large ones, each read by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from components.data.sources.encodings import TextEncoding

__all__ = ["UNIT_BYTES", "SourceUnit", "UnitPlan", "units_between"]

UNIT_BYTES = 64 << 20
"""Large enough that a unit is worth a worker's while, small enough for many workers and little memory."""


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


def units_between(index: int, starts: Sequence[tuple[int, int]]) -> tuple[SourceUnit, ...]:
    """The units that start at these bytes and rows; a single one is the whole file.

    Args:
        index: position of the file among the sources.
        starts: offset and row number of each, in order.
    """
    if len(starts) == 1:
        return (SourceUnit(index),)
    ends = [*(offset for offset, _ in starts[1:]), None]
    return tuple(
        SourceUnit(index, part, offset, end, row)
        for part, ((offset, row), end) in enumerate(zip(starts, ends, strict=True))
    )
