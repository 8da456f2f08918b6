"""Where rows start in a large text file, so that it can be read in parts."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from components.data.sources.delimited import is_unclosed, open_csv_reader
from components.data.sources.text_files import open_slice

__all__ = ["RowStart", "find_row_starts"]

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class RowStart:
    """The start of a row.

    Attributes:
        offset: of its first byte, from 0.
        line: its line number, from 1.
    """

    offset: int
    line: int


def find_row_starts(
    stream: IO[bytes], size: int, part_bytes: int, *, start: int = 0, delimiter: str | None = None
) -> list[RowStart]:
    """The starts of rows that cut a file of text into parts of at least `part_bytes`, the first row's included.

    One pass: lines are counted where no quote is near; the csv module decides where a row ends that has quotes. It
    sees bytes as Latin-1 characters, so that characters are bytes; no byte of a longer UTF-8 character looks like a
    delimiter, a quote or a line end.

    Args:
        stream: the seekable file, in an encoding whose first 128 characters are those of ASCII.
        size: of the file, bytes.
        part_bytes: least size of all parts but the last.
        start: where the first row starts, after a byte order mark.
        delimiter: an ASCII character between fields of which `"` may enclose some; None if every line is a row.
    """
    row: RowStart | None = RowStart(start, 1)
    starts: list[RowStart] = []
    while row is not None and row.offset < size:
        starts.append(row)
        target = row.offset + part_bytes
        while row is not None and row.offset < target:
            row = _next_start(stream, row, target, size, delimiter)
    return starts or [RowStart(start, 1)]


def _next_start(
    stream: IO[bytes], row: RowStart, target: int, size: int, delimiter: str | None
) -> RowStart | None:
    """A later row start, the first one from `target` on if it is near; None if no later one can be found."""
    if target >= size:
        return None
    stream.seek(row.offset)
    chunk = stream.read(_CHUNK_BYTES)
    if not chunk:
        return None
    if delimiter is not None and b'"' in chunk:
        return _parse_rows(stream, row, min(target, row.offset + len(chunk)), delimiter)
    return _count_lines(row, chunk, target) or _parse_rows(
        stream, row, max(target, row.offset + len(chunk)), delimiter
    )


def _count_lines(row: RowStart, chunk: bytes, target: int) -> RowStart | None:
    """The row start after the first line end that reaches the target, or after the last one; None without any."""
    wanted = target - row.offset
    cut = _line_end(chunk, wanted - 1) if wanted <= len(chunk) else _last_line_end(chunk)
    if cut is None:
        return None
    return RowStart(row.offset + cut, row.line + _count_line_ends(chunk[:cut]))


def _line_end(chunk: bytes, begin: int) -> int | None:
    """The position after the first line end at or after `begin`; None if there is none or it may be a half."""
    ends = [end for end in (chunk.find(b"\n", begin), chunk.find(b"\r", begin)) if end >= 0]
    return _after(chunk, min(ends)) if ends else None


def _last_line_end(chunk: bytes) -> int | None:
    end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r", 0, len(chunk) - 1))
    return _after(chunk, end) if end >= 0 else None


def _after(chunk: bytes, end: int) -> int | None:
    if chunk[end : end + 1] == b"\n":
        return end + 1
    if end + 1 == len(chunk):
        return None
    return end + 1 + (chunk[end + 1 : end + 2] == b"\n")


def _count_line_ends(content: bytes) -> int:
    carriage_returns = content.count(b"\r")
    pairs = content.count(b"\r\n") if carriage_returns else 0
    return content.count(b"\n") + carriage_returns - pairs


def _parse_rows(stream: IO[bytes], row: RowStart, target: int, delimiter: str | None) -> RowStart | None:
    """The first row start from `target` on, by reading row after row; None at the end or after a quote without one."""
    lines = _MeasuredLines(open_slice(stream, row.offset, None))
    rows: Iterator[object] = iter(lines)
    if delimiter is not None:
        rows = open_csv_reader(lines, delimiter, quoting=True)
    while row.offset + lines.bytes < target:
        try:
            if next(rows, None) is None:
                return None
        except csv.Error as err:
            if is_unclosed(err):
                return None
    return RowStart(row.offset + lines.bytes, row.line + lines.count)


class _MeasuredLines:
    """Passes on lines of Latin-1 text, and counts them and their bytes."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._lines = io.TextIOWrapper(stream, "latin-1", newline="")
        self.bytes = 0
        self.count = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.bytes += len(line)
        self.count += 1
        return line
