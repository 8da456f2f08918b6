"""Rows of CSV and TSV files, by the standard library's csv module."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.core.errors import DataError
from components.data.sources.rows import BrokenRow, Reason, Row, require_columns

if TYPE_CHECKING:
    from _csv import Reader

__all__ = [
    "Dialect",
    "Header",
    "is_unclosed",
    "likely_delimiter",
    "open_csv_reader",
    "read_delimited",
    "read_header",
]

_MAX_FIELD_CHARACTERS = 1 << 24
"""A field above 16 Mi characters is taken for an unclosed quote."""


@dataclass(frozen=True)
class Dialect:
    """How a text file is written.

    Attributes:
        delimiter: one character between fields; None for a comma in CSV and a tab in TSV.
        quoting: whether `"` encloses fields that hold delimiters or line ends (doubled inside), as in RFC 4180.
        names: column names by position for a file without a header line; None if the first line is the header.
        encoding: name of the codec; None to tell it from the file.
    """

    delimiter: str | None = None
    quoting: bool = True
    names: tuple[str, ...] | None = None
    encoding: str | None = None


@dataclass(frozen=True)
class Header:
    """What the beginning of a delimited file says.

    Attributes:
        columns: names by position.
        lines: number of lines up to the end of the header; 0 without one.
    """

    columns: tuple[str, ...]
    lines: int


def open_csv_reader(lines: Iterable[str], delimiter: str, *, quoting: bool) -> "Reader":
    """A reader of the csv module, strict and with room for large fields."""
    if csv.field_size_limit() < _MAX_FIELD_CHARACTERS:
        csv.field_size_limit(_MAX_FIELD_CHARACTERS)
    if not quoting:
        return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=True)
    return csv.reader(lines, delimiter=delimiter, strict=True)


def is_unclosed(err: csv.Error) -> bool:
    """Whether the reader met no end of a field, which is a mistake about the file and not about one row."""
    return str(err).startswith(("unexpected end of data", "field larger than field limit"))


def read_header(
    lines: Iterator[str], dialect: Dialect, delimiter: str, *, where: str, wanted: Sequence[str]
) -> Header:
    """The names of the columns, from the dialect or the header line.

    Args:
        lines: the lines of the file from its beginning.
        dialect: how the file is written.
        delimiter: the character between fields.
        where: what error messages call the file.
        wanted: columns that must be there.

    Raises:
        DataError: there is no header, it lacks a wanted column, or names one twice.
    """
    header = Header(dialect.names, 0) if dialect.names else _read_header(lines, dialect, delimiter, where)
    other = None if dialect.names else likely_delimiter(header.columns, delimiter)
    require_columns(
        where,
        wanted,
        header.columns,
        remedy=f"set `delimiter: {other!r}`" if other else "",
        hint=""
        if dialect.names or other
        else " (a file without a header line needs `header: false` and `names`)",
    )
    return header


def read_delimited(
    lines: Iterator[str],
    dialect: Dialect,
    delimiter: str,
    columns: Sequence[str],
    *,
    where: str,
    first_row: int = 1,
) -> Iterator[Row | BrokenRow]:
    """Yields the rows of a delimited file; blank lines are no rows, and empty fields after the last column are none.

    A row that a quote makes span several lines before it breaks counts as many broken rows as it has lines.

    Args:
        lines: lines with their ends, which may be any of `\\n`, `\\r\\n`, `\\r`.
        dialect: how the file is written.
        delimiter: the character between fields.
        columns: names by position; where one is used twice, the last counts.
        where: what error messages call the file.
        first_row: line number of the first line; the header is skipped where it is 1.

    Raises:
        DataError: a quote is never closed.
    """
    source = _LinesOfRow(lines)
    reader = open_csv_reader(source, delimiter, quoting=dialect.quoting)
    if first_row == 1 and dialect.names is None:
        next((fields for fields in reader if fields), None)
    before = first_row - 1
    width = len(columns)
    while True:
        number = before + reader.line_num + 1
        source.lines.clear()
        try:
            fields = next(reader, None)
        except csv.Error as err:
            if is_unclosed(err) and not (len(source.lines) == 1 and str(err).startswith("field larger")):
                raise _unclosed(where, number) from err
            yield from _broken_rows(number, err, source.lines)
            continue
        if fields is None:
            return
        if not fields:
            continue
        if len(fields) != width:
            fields = _fit(fields, columns)
        if len(fields) == width:
            yield Row(number, dict(zip(columns, fields, strict=True)), lines=len(source.lines))
        else:
            detail = f"expected {width} ({', '.join(columns)[:80]}), got {len(fields)}"
            yield BrokenRow(number, Reason.COLUMN_COUNT, detail, delimiter.join(fields))


class _LinesOfRow:
    """Passes lines on and keeps them until they are cleared, for the content of rows that the reader gives up."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.lines: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.lines.append(line)
        return line


def _broken_rows(number: int, err: csv.Error, lines: Sequence[str]) -> Iterator[BrokenRow]:
    """The lines of a row that the reader gave up: each is likely to be a row; blank ones are none."""
    reason = Reason.TOO_LONG if is_unclosed(err) else Reason.BROKEN_QUOTING
    detail = str(err)
    if len(lines) > 1:
        detail = f"a quote that is opened in row {number} goes on to row {number + len(lines) - 1}: {err}"
    for line_number, line in enumerate(lines, start=number):
        if line.strip("\r\n"):
            yield BrokenRow(line_number, reason, detail, line)


def _read_header(lines: Iterator[str], dialect: Dialect, delimiter: str, where: str) -> Header:
    reader = open_csv_reader(lines, delimiter, quoting=dialect.quoting)
    try:
        fields = next((fields for fields in reader if fields), None)
    except csv.Error as err:
        raise DataError(f"{where}: row 1: the header cannot be read ({err}); check `quoting`") from err
    if fields is None:
        raise DataError(f"{where}: has no rows; expected a header line and rows")
    names = tuple(name.strip() for name in fields)
    if any("\udc00" <= character <= "\udcff" for name in names for character in name):
        raise DataError(
            f"{where}: row 1: the header is not UTF-8; set `encoding`, or convert the file, for instance with "
            "`iconv -f WINDOWS-1252 -t UTF-8`"
        )
    return Header(names, reader.line_num)


def _fit(fields: list[str], columns: Sequence[str]) -> list[str]:
    """Drops empty fields after the last column, and adds those of unnamed columns, as spreadsheets write them."""
    width = len(columns)
    if not any(fields[width:]):
        fields = fields[:width]
    if not any(columns[len(fields) :]):
        fields = fields + [""] * (width - len(fields))
    return fields


def likely_delimiter(columns: Sequence[str], delimiter: str) -> str | None:
    """What stands between fields, if `delimiter` found one name in the header, with another such character in it."""
    if len(columns) != 1:
        return None
    return next((char for char in ";\t,|" if char != delimiter and char in columns[0]), None)


def _unclosed(where: str, number: int) -> DataError:
    return DataError(
        f"{where}: row {number}: a quote is opened and never closed; correct the row, or set `quoting: false` if "
        'the file uses " as an ordinary character'
    )
