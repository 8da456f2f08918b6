"""Reads a source file in units, as ExampleGen does."""

from pathlib import Path
from typing import Any

from components.data.sources.delimited import Dialect
from components.data.sources.rows import BrokenRow, Row, require_columns
from components.data.sources.source_files import Format, SourceFile
from components.data.sources.source_units import UnitPlan, open_unit, plan_units


def read_units(
    path: Path | str,
    file_format: Format,
    wanted: tuple[str, ...] = (),
    dialect: Dialect | None = None,
    **settings: Any,
) -> tuple[list[Row | BrokenRow], UnitPlan]:
    """The rows of all units in order, and the plan."""
    source = SourceFile(str(path), file_format, "name")
    dialect = dialect or Dialect()
    plan = plan_units(0, source, dialect, wanted, **settings)
    rows: list[Row | BrokenRow] = []
    seen: set[str] = set()
    for unit in plan.units:
        with open_unit(source, unit, plan, dialect, wanted) as opened:
            rows += opened.rows
            seen |= opened.columns_seen
    if seen:
        require_columns(source.uri, wanted, sorted(seen))
    return rows, plan
