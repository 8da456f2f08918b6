"""What a verdict checked, for a person in the terminal."""

from collections.abc import Sequence

from rich.table import Table

from components.core.verdict import Check
from pipeline.pages.formats import format_value
from pipeline.printable import escape

__all__ = ["check_table"]


def check_table(checks: Sequence[Check], title: str = "") -> Table:
    """Every check with its value, its limit and what it says, failed ones first."""
    table = Table(title=title or None, title_justify="left", title_style="bold", header_style="dim", box=None)
    table.add_column("")
    table.add_column("check", overflow="fold")
    for name in ("value", "limit"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("message", overflow="fold")
    for check in sorted(checks, key=lambda check: check.passed):
        mark = "[green]✓[/]" if check.passed else "[red]✗[/]"
        figures = (format_value(check.value), format_value(check.limit))
        table.add_row(mark, escape(check.name), *figures, escape(check.message))
    return table
