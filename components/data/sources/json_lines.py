"""Rows of JSON Lines files."""

import json
from collections.abc import Iterator, Sequence

from components.core.errors import DataError
from components.data.sources.rows import BrokenRow, Reason, Row

__all__ = ["read_json_lines", "refuse_array"]


def read_json_lines(
    lines: Iterator[str], *, wanted: Sequence[str] = (), first_row: int = 1
) -> Iterator[Row | BrokenRow]:
    """Yields one row per line that holds a JSON object; blank lines are no rows.

    Args:
        lines: the lines.
        wanted: keys that are read; `key.inner` may stand for a key of an object under a key.
        first_row: line number of the first.
    """
    nested = [name for name in wanted if "." in name]
    for number, line in enumerate(lines, start=first_row):
        if line.isspace():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as err:
            yield _broken(number, line, str(err))
            continue
        if isinstance(values, dict):
            for name in nested:
                _lift(values, name)
            yield Row(number, values)
        else:
            yield _broken(number, line, f"expected an object, got {type(values).__name__}")


def _lift(values: dict[str, object], name: str) -> None:
    """Adds the value that `key.inner` names, if there is one and no key of just this name."""
    found: object = values
    for key in name.split("."):
        if not isinstance(found, dict) or key not in found:
            return
        found = found[key]
    values.setdefault(name, found)


def refuse_array(beginning: str, where: str) -> None:
    """Refuses a file that is one JSON array of objects and not one object a line.

    Args:
        beginning: of the file.
        where: what error messages call the file.

    Raises:
        DataError: it is one.
    """
    if not beginning.lstrip().startswith("["):
        return
    try:
        first = json.loads(beginning.lstrip().splitlines()[0])
    except (ValueError, RecursionError):
        first = [{}]
    if first and isinstance(first[0], dict):
        raise DataError(
            f"{where}: is one JSON array; expected one object a line; convert it, for instance with `jq -c '.[]'`"
        )


def _broken(number: int, line: str, detail: str) -> BrokenRow:
    if any("\udc00" <= character <= "\udcff" for character in line):
        return BrokenRow(number, Reason.NOT_UTF8, "", line)
    return BrokenRow(number, Reason.BROKEN_JSON, detail, line)
