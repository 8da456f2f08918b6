"""Texts without labels, from the formats that labelled ones come in and from plain text."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from components.core.errors import DataError
from components.core.filesystem import local_path, resolve_files
from components.data.sources.compression import without_compression
from components.data.sources.rows import BrokenRow
from components.data.sources.source_files import find_sources
from components.data.sources.source_units import guess_dialect, open_unit, plan_units
from components.data.sources.text_files import open_lines

__all__ = ["UnlabelledText", "read_unlabelled"]

_PLAIN = (".txt", ".text")
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class UnlabelledText:
    """One text.

    Attributes:
        id: `<file name>:<row number>`.
        text: as in the file; never empty.
    """

    id: str
    text: str


def read_unlabelled(source: str, *, column: str = "text") -> Iterator[UnlabelledText]:
    """Yields the texts of a file, a glob pattern or a directory, in order; rows without text are left out.

    Args:
        source: plain text files (`.txt`, a text a line, UTF-8), or files of any format that ExampleGen reads;
            compressed or not.
        column: where the text stands in files that have columns.

    Raises:
        DataError: there is no such file, its format cannot be told, or it has no such column.
    """
    source = local_path(source)
    for name, number, text in _plain_rows(source) if _is_plain(source) else _table_rows(source, column):
        if stripped := text.strip():
            yield UnlabelledText(f"{name}:{number}", stripped)


def _is_plain(source: str) -> bool:
    return PurePosixPath(without_compression(source)).suffix.lower() in _PLAIN


def _plain_rows(source: str) -> Iterator[tuple[str, int, str]]:
    for uri in resolve_files(source):
        with open_lines(uri, "utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                text = line.removeprefix(_BOM) if number == 1 else line
                yield PurePosixPath(uri).name, number, text.encode(errors="replace").decode()


def _table_rows(source: str, column: str) -> Iterator[tuple[str, int, str]]:
    found = False
    for index, file in enumerate(find_sources(source, {}, None, split_by_name=False)):
        dialect = guess_dialect(file)
        plan = plan_units(index, file, dialect, ())
        if plan.columns and column not in plan.columns:
            raise DataError(
                f"{file.uri}: no column {column!r}; name the column that holds the texts ({', '.join(plan.columns)})"
            )
        for unit in plan.units:
            with open_unit(file, unit, plan, dialect, [column]) as opened:
                for row in opened.rows:
                    if isinstance(row, BrokenRow):
                        continue
                    text = row.values.get(column)
                    if isinstance(text, str):
                        found = True
                        yield file.name, row.number, text.encode(errors="replace").decode()
    if not found:
        raise DataError(
            f"{source}: no row has a text in column {column!r}; name the column that holds the texts"
        )
