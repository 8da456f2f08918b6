"""What `emotion validate` prints: for a person a table, for a log a line each."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.printable import escape, printable

__all__ = ["print_anomalies", "print_problems"]

_COLOURS = {"ERROR": "bold red", "WARNING": "yellow"}


def print_anomalies(console: Console, outcome: Mapping[str, Any], *, written: Path | None) -> None:
    """Prints what the data are, what is odd in them, and whether they are fit.

    Args:
        console: where to.
        outcome: what `validate_command` found out.
        written: the schema file that was written, if any.
    """
    rows = ", ".join(f"{split} {count:,}" for split, count in outcome["splits"].items())
    dead = f", {outcome['dead_letters']:,} rows unusable" if outcome["dead_letters"] else ""
    _say(console, f"[bold]{escape(outcome['data'])}[/]: {rows} rows, {outcome['labels']} labels{dead}")
    for row in outcome["first_dead_letters"]:
        _say(console, escape(f"  {_row(row)}"))
    if outcome["dead_letters"] > len(outcome["first_dead_letters"]):
        _say(console, f"  … and {outcome['dead_letters'] - len(outcome['first_dead_letters']):,} more")
    if outcome["columns"] is not None:
        _say(console, _columns(**outcome["columns"]))
    if outcome["encodings"]:
        _say(console, f"read as {escape(', '.join(outcome['encodings']))}")
    if outcome["schema"] is not None:
        _say(console, f"held against {escape(outcome['schema'])}")
    else:
        _say(console, "[dim]without a schema: only what needs none was looked for; name one with --schema[/]")
    if outcome["anomalies"]:
        (_print_table if console.is_terminal else _print_lines)(console, outcome["anomalies"])
    _say(console, _verdict(outcome))
    if outcome["report"] is not None:
        _say(console, f"report in {escape(outcome['report'])}")
    if written is not None:
        _say(console, f"wrote [bold]{escape(str(written))}[/]")
        for change in outcome.get("schema_changes", ()):
            _say(console, f"  {escape(change)}")


def _row(dead_letter: Mapping[str, Any]) -> str:
    """`reviews.csv, row 12: unknown label: 'angre'`."""
    detail = f": {dead_letter['detail']}" if dead_letter["detail"] else ""
    return f"{PurePath(dead_letter['file']).name}, row {dead_letter['row']}: {dead_letter['reason']}{detail}"


def _columns(text: str, labels: str | Sequence[str], separator: str | None) -> str:
    where = f"text in [bold]{escape(text)}[/], "
    if not isinstance(labels, str):
        return f"{where}a label in each column of 0 and 1 [dim](else: --text, --labels)[/]"
    many = f"divided at {separator!r}" if separator else "one a text"
    return (
        f"{where}labels in [bold]{escape(labels)}[/], {escape(many)} "
        "[dim](else: --text, --labels, --separator)[/]"
    )


def _print_table(console: Console, anomalies: list[dict[str, str]]) -> None:
    table = Table(box=None, show_header=False, padding=(0, 2, 1, 0))
    for name in ("severity", "where"):
        table.add_column(name, no_wrap=True)
    table.add_column("what", overflow="fold")
    for anomaly in anomalies:
        what = Text.assemble((anomaly["type"], "bold"), "\n", printable(anomaly["message"]))
        severity = Text(anomaly["severity"], _COLOURS[anomaly["severity"]])
        table.add_row(severity, Text(printable(f"{anomaly['split']}\n{anomaly['feature']}")), what)
    console.print()
    console.print(table)


def _print_lines(console: Console, anomalies: list[dict[str, str]]) -> None:
    """A line each, so that `grep` finds whole anomalies."""
    for anomaly in anomalies:
        where = f"{anomaly['split']}/{anomaly['feature']}"
        _say(console, escape(f"{anomaly['severity']} {where} {anomaly['type']}: {anomaly['message']}"))


def print_problems(console: Console, problems: Sequence[str]) -> None:
    """Prints what would stop a run, whatever the data are, a line each."""
    for problem in problems:
        _say(console, f"[bold red]in the way of a run:[/] {escape(problem)}")


def _verdict(outcome: Mapping[str, Any]) -> str:
    warnings = _count(outcome["warnings"], "warning")
    if outcome["errors"]:
        also = f" and {warnings}" if outcome["warnings"] else ""
        return f"[bold red]not fit to train on[/]: {_count(outcome['errors'], 'error')}{also}"
    if outcome["in_the_way"]:
        return f"[bold red]a run would stop[/]: {_count(len(outcome['in_the_way']), 'thing')} in its way, told above"
    return f"[bold green]fit to train on[/]{f', with {warnings}' if outcome['warnings'] else ''}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _say(console: Console, markup: str) -> None:
    console.print(markup, highlight=False, soft_wrap=True)
