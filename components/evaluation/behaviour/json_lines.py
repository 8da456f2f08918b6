"""Files of cases and templates: one JSON object a line, held against a schema."""

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from components.core.errors import DataError
from components.core.filesystem import open_file

__all__ = ["Row", "check_row", "read_objects"]


class Row(BaseModel):
    """A line's keys; an unknown one is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


_Row = TypeVar("_Row", bound=Row)


def read_objects(uri: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a UTF-8 JSON Lines file, each with what to call its place in messages; empty lines are skipped.

    Raises:
        DataError: a line is no JSON object, or the file is empty or not UTF-8.
        UserError: there is no such file, or it may not be read.
    """
    try:
        with open_file(uri) as stream:
            lines = stream.read().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as err:
        raise DataError(f"{uri}: is not UTF-8; convert it, for instance with `iconv -t UTF-8`") from err
    if not any(line.strip() for line in lines):
        raise DataError(f"{uri}: is empty; expected one JSON object a line")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"{uri}: line {number}"
        try:
            values = json.loads(line)
        except json.JSONDecodeError as err:
            raise DataError(f"{place}: is no JSON ({err.msg} at column {err.colno})") from err
        if not isinstance(values, dict):
            raise DataError(
                f"{place}: expected a JSON object with keys and values, got {line.strip()[:40]!r}"
            )
        yield place, values


def check_row(kind: type[_Row], values: Mapping[str, Any], place: str) -> _Row:
    """Makes a typed row.

    Raises:
        DataError: a key is unknown, missing or has a wrong value; the message names line and key.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as err:
        problem = err.errors(include_url=False)[0]
        raise DataError(f"{place}: {_describe(problem, kind)}") from err


def _describe(problem: Any, kind: type[Row]) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    match problem["type"]:
        case "extra_forbidden":
            near = difflib.get_close_matches(key, kind.model_fields, n=1)
            return f"unknown key {key!r}; " + (
                f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(kind.model_fields)}"
            )
        case "missing":
            return f"key {key!r} is missing; add it"
        case "value_error":
            return f"key {key!r}: {problem['ctx']['error']}" if key else str(problem["ctx"]["error"])
        case _:
            return f"key {key!r} is {problem['input']!r}: {problem['msg'][:1].lower()}{problem['msg'][1:]}"
