"""Rows of JSON Lines files."""

import json
from collections.abc import Iterator

from components.data.rows import BrokenRow, Reason, Row

__all__ = ["read_json_lines"]


def read_json_lines(lines: Iterator[str], *, first_row: int = 1) -> Iterator[Row | BrokenRow]:
    """Yields one row per line that holds a JSON object; blank lines are no rows.

    Args:
        lines: the lines.
        first_row: line number of the first.
    """
    for number, line in enumerate(lines, start=first_row):
        if line.isspace():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as err:
            yield _broken(number, line, str(err))
            continue
        if isinstance(values, dict):
            yield Row(number, values)
        else:
            yield _broken(number, line, f"expected an object, got {type(values).__name__}")


def _broken(number: int, line: str, detail: str) -> BrokenRow:
    if any("\udc00" <= character <= "\udcff" for character in line):
        return BrokenRow(number, Reason.NOT_UTF8, "", line)
    return BrokenRow(number, Reason.BROKEN_JSON, detail, line)
