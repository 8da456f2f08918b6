"""Dividing text files: told their encoding, read their header, and cut where rows start."""

from collections.abc import Sequence
from typing import IO

from components.core.filesystem import open_file
from components.data.sources.compression import compression_of, open_decompressed
from components.data.sources.delimited import Dialect, read_header
from components.data.sources.encodings import SAMPLE_BYTES, TextEncoding, detect_encoding
from components.data.sources.json_lines import refuse_array
from components.data.sources.row_starts import RowStart, find_row_starts
from components.data.sources.source_files import SourceFile
from components.data.sources.text_files import open_lines
from components.data.sources.units import UnitPlan, units_between

__all__ = ["delimiter_of", "plan_text_units"]

_LATER_PIECES = 8


def plan_text_units(
    index: int, source: SourceFile, dialect: Dialect, wanted: Sequence[str], unit_bytes: int
) -> UnitPlan:
    """Divides a text file into units, and tells its encoding and its columns.

    Args:
        index: position of the file among the sources.
        source: the file.
        dialect: how it is written.
        wanted: columns that must be there, if there is a header.
        unit_bytes: least size of a unit, but for the last.

    Raises:
        DataError: it is no text, or lacks a wanted column.
        UserError: there is no such file, or it may not be read.
    """
    encoding = _sample_encoding(source.uri, dialect)
    header = None
    with open_lines(source.uri, encoding.codec) as lines:
        if source.format == "jsonl":
            refuse_array(lines.read(SAMPLE_BYTES), source.uri)
        else:
            delimiter = delimiter_of(source, dialect)
            header = read_header(lines, dialect, delimiter, where=source.uri, wanted=wanted)
    starts = [(0, 1)]
    if compression_of(source.uri) is None and encoding.keeps_ascii:
        rows = _find_starts(source, dialect, encoding, unit_bytes)[1:]
        starts += [(row.offset, row.line) for row in rows if header is None or row.line > header.lines]
    return UnitPlan(units_between(index, starts), encoding, header.columns if header else None)


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
    """Where the units of a text file start; none if it is small or cannot be cut."""
    delimiter = delimiter_of(source, dialect)
    parsed = source.format != "jsonl" and dialect.quoting
    if parsed and not delimiter.isascii():
        return []
    with open_file(source.uri) as stream:
        size = stream.seek(0, 2)
        if size <= unit_bytes:
            return []
        mark = 3 if encoding.codec == "utf-8-sig" else 0
        return find_row_starts(stream, size, unit_bytes, start=mark, delimiter=delimiter if parsed else None)


def delimiter_of(source: SourceFile, dialect: Dialect) -> str:
    """The character between fields."""
    return dialect.delimiter or ("\t" if source.format == "tsv" else ",")
