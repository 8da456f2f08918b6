"""Rows of CSV and TSV files, by the standard library's csv module."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from components.core.errors import DataError
from components.data.rows import BrokenRow, Reason, Row, require_columns

__all__ = ["Dialect", "read_delimited"]

_MAX_FIELD_CHARACTERS = 1 << 24
"""A field above 16 Mi characters is taken for an unclosed quote."""


@dataclass(frozen=True)
class Dialect:
    """How a delimited file is written.

    Attributes:
        delimiter: one character between fields; None for a comma in CSV and a tab in TSV.
        quoting: whether `"` encloses fields that hold delimiters or line ends (doubled inside), as in RFC 4180.
        names: column names by position for a file without a header line; None if the first line is the header.
    """

    delimiter: str | None = None
    quoting: bool = True
    names: tuple[str, ...] | None = None


def read_delimited(
    lines: Iterator[str], dialect: Dialect, default_delimiter: str, *, where: str, wanted: Sequence[str]
) -> Iterator[Row | BrokenRow]:
    """Yields the rows of a delimited file; blank lines are no rows.

    Args:
        lines: lines with their ends, which may be any of `\\n`, `\\r\\n`, `\\r`.
        dialect: how the file is written.
        default_delimiter: the delimiter if the dialect names none.
        where: what error messages call the file.
        wanted: columns that must be there.

    Raises:
        DataError: there is no header, it lacks a wanted column or names one twice, or a quote is never closed.
    """
    if csv.field_size_limit() < _MAX_FIELD_CHARACTERS:
        csv.field_size_limit(_MAX_FIELD_CHARACTERS)
    delimiter = dialect.delimiter or default_delimiter
    source = _LastLine(lines)
    reader = csv.reader(
        source,
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if dialect.quoting else csv.QUOTE_NONE,
        strict=True,
    )
    columns = dialect.names or _read_header(reader, where)
    require_columns(where, wanted, columns, hint="" if dialect.names else _hint(columns, delimiter))
    while True:
        number = reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error as err:
            _raise_if_unclosed(err, where, number)
            yield BrokenRow(number, Reason.BROKEN_QUOTING, str(err), source.line)
            continue
        if fields is None:
            return
        if not fields:
            continue
        if len(fields) == len(columns):
            yield Row(number, dict(zip(columns, fields, strict=True)))
        else:
            detail = f"expected {len(columns)} ({', '.join(columns)[:80]}), got {len(fields)}"
            yield BrokenRow(number, Reason.COLUMN_COUNT, detail, delimiter.join(fields))


class _LastLine:
    """Passes lines on and remembers the last one, for the content of a row that the reader gives up."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.line = ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.line = next(self._lines)
        return self.line


def _read_header(reader: Iterator[list[str]], where: str) -> tuple[str, ...]:
    try:
        fields = next((fields for fields in reader if fields), None)
    except csv.Error as err:
        raise DataError(f"{where}: row 1: the header cannot be read ({err}); check `quoting`") from err
    if fields is None:
        raise DataError(f"{where}: has no rows; expected a header line and rows")
    names = tuple(name.strip() for name in fields)
    if any("\udc80" <= character <= "\udcff" for name in names for character in name):
        raise DataError(
            f"{where}: row 1: the header is not UTF-8; convert the file, for instance with "
            "`iconv -f WINDOWS-1252 -t UTF-8`"
        )
    twice = next((name for i, name in enumerate(names) if name and name in names[:i]), None)
    if twice is not None:
        raise DataError(f"{where}: row 1: the header names {twice!r} twice; rename one of the columns")
    return names


def _hint(columns: Sequence[str], delimiter: str) -> str:
    if len(columns) == 1:
        other = next((char for char in ";\t,|" if char != delimiter and char in columns[0]), None)
        if other is not None:
            return f", or set `delimiter: {other!r}`"
    return " (a file without a header line needs `header: false` and `names`)"


def _raise_if_unclosed(err: csv.Error, where: str, number: int) -> None:
    """A quote that swallows the rest of the file is a mistake about the file, not about one row."""
    if str(err).startswith(("unexpected end of data", "field larger than field limit")):
        raise DataError(
            f"{where}: row {number}: a quote is opened and never closed; correct the row, or set `quoting: false` if "
            'the file uses " as an ordinary character'
        ) from err
