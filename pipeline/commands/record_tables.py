"""Runs and artifacts as tables for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.printable import printable

__all__ = ["record_table", "show_artifact"]

_HIDDEN = ("finished_at", "uri", "type")
"""Columns that JSON has and a table has no room for; the name of an artifact says its type."""

_WHOLE = ("id", "name", "state", "started_at", "stages", "seconds")
"""Columns whose cells are short enough to stay on one line."""

_DONE = {"complete": "run"}

_TITLES = {"started_at": "started (UTC)", "created_at": "created (UTC)", "seconds": "s"}

_LEAST = {"pipeline": 8, "quality": 15}
"""Characters that a column keeps where there is little room."""


def record_table(rows: Sequence[dict[str, Any]]) -> Table:
    """A column for each key that has a value in any row."""
    table = Table(header_style="bold", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    keys = [key for key in (rows[0] if rows else ()) if key not in _HIDDEN]
    columns = [key for key in keys if any(row[key] not in (None, {}) for row in rows)]
    for column in columns:
        table.add_column(
            _TITLES.get(column, column),
            overflow="fold",
            no_wrap=column in _WHOLE,
            min_width=_LEAST.get(column),
        )
    for row in rows:
        table.add_row(*(Text(printable(_cell(column, row[column]))) for column in columns))
    return table


def _cell(key: str, value: Any) -> str:
    if value is None:
        return ""
    if key == "quality":
        return ", ".join(_figure(name, figure) for name, figure in value.items())
    if key == "stages":
        return ", ".join(f"{count} {_DONE.get(state, state)}" for state, count in value.items())
    if isinstance(value, dict):
        return "\n".join(f"{name}: {item}" for name, item in value.items())
    if key.endswith("_at"):
        return str(value)[:16].replace("T", " ")
    if key == "digest":
        return str(value)[:12]
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def _figure(name: str, figure: float | bool) -> str:
    if name == "blessed":
        return "blessed" if figure else "not blessed"
    return f"{name.replace('_', '-').replace('f1', 'F1')} {figure:.3f}"


def show_artifact(console: Console, document: Mapping[str, Any]) -> None:
    """Prints what an artifact is, whether it is still what was published, and who gave and read it."""
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    rows = [
        (key, str(document[key]))
        for key in ("name", "type", "uri", "digest", "state", "refusal")
        if document[key]
    ]
    rows.append((_TITLES["created_at"], _cell("created_at", document["created_at"])))
    rows.append(
        ("intact", "yes, as it was published" if document["intact"] else "no: gone, or changed since")
    )
    for use in document["uses"]:
        how, called = ("given by", use["output"]) if "output" in use else ("read by", use["input"])
        rows.append((how, f"run {use['run']}, {use['stage']}, as {called}"))
    for name, value in rows:
        table.add_row(name, Text(printable(value)))
    console.print(table)
