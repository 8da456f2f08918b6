"""`emotion compare`: what changed from one run to another."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console, JustifyMethod
from rich.table import Table

from components.core.atomic_files import write_atomic
from pipeline.commands.output_file import require_writable
from pipeline.commands.roots import newest_root
from pipeline.comparison import compare_runs, find_run, render_comparison
from pipeline.comparison.words import (
    by_change,
    change_of,
    figure_of,
    is_certain,
    metric_words,
    p_value,
    run_names,
)
from pipeline.pages.formats import format_share, format_value
from pipeline.printable import escape

__all__ = ["compare_command"]

_LABELS_SHOWN = 15
_SHARES_SHOWN = 8
_EXAMPLES_SHOWN = 3


def compare_command(before: str, after: str, *, root: Path | None, html: Path | None, as_json: bool) -> None:
    """Prints what changed, and writes it as a page if asked to.

    Raises:
        UserError: there is no such run, it was not evaluated, or the page cannot be written.
    """
    if html is not None:
        require_writable(html)
    place = newest_root(root) if before.isdigit() or after.isdigit() else None
    document = compare_runs(find_run(before, place), find_run(after, place))
    if html is not None:
        write_atomic(html, render_comparison(document))
    if as_json:
        print(json.dumps(document, indent=2, ensure_ascii=False))
        return
    console = Console()
    _print(console, document)
    if html is not None:
        _say(console, f"wrote [bold]{escape(str(html))}[/]")


def _print(console: Console, document: Mapping[str, Any]) -> None:
    names = run_names(document["runs"])
    _say(console, f"[bold]{escape(names[0])}[/] → [bold]{escape(names[1])}[/]")
    evaluated = document["evaluated"]
    if evaluated["paired"]:
        _say(console, f"the same {evaluated['texts'][0]:,} texts: differences are paired")
    else:
        _say(console, f"[yellow]differences are not paired:[/] {escape(evaluated['note'])}")
    for head in document["heads"]:
        _print_head(console, head, several=len(document["heads"]) > 1)
    _print_heads_gone(console, document)
    _print_verdict(console, document["verdict"])
    _print_settings(console, document["config"])
    _print_data(console, document["data"])


def _print_head(console: Console, head: Mapping[str, Any], *, several: bool) -> None:
    title = f"{head['head']}: " if several else ""
    if head["note"]:
        _say(console, f"[yellow]{escape(head['head'])} is not paired:[/] {escape(head['note'])}")
    figures = _table(f"{title}figures", "figure", "before", "after", "change (95 %)", numbers=3)
    for row in head["metrics"]:
        cells = (metric_words(row["metric"]), figure_of(row["before"]), figure_of(row["after"]), _change(row))
        figures.add_row(*cells)
    console.print(figures)
    if head["labels"]:
        console.print(_labels(head, title))
    for word in ("added", "removed"):
        if head[f"labels_{word}"]:
            _say(console, f"labels {word}: {escape(', '.join(head[f'labels_{word}']))}")
    if "flips" in head:
        _print_flips(console, head["flips"], title)


def _labels(head: Mapping[str, Any], title: str) -> Table:
    """The labels whose F1 moved most."""
    by_size = by_change(head["labels"])
    flips = {row["label"]: row for row in head.get("flips", {}).get("labels", ())}
    more = f", the {_LABELS_SHOWN} that moved most of {len(by_size)}" if len(by_size) > _LABELS_SHOWN else ""
    columns = (
        "label",
        "texts",
        "F1 before",
        "F1 after",
        "change (95 %)",
        "threshold",
        "lost / won",
    )
    table = _table(f"{title}labels{more}", *columns, numbers=6)
    for row in by_size[:_LABELS_SHOWN]:
        flipped = flips.get(row["label"], {"right_to_wrong": 0, "wrong_to_right": 0})
        table.add_row(
            escape(row["label"]),
            f"{row['support']:,}",
            figure_of({"value": row["before"]["value"]}),
            figure_of({"value": row["after"]["value"]}),
            _change(row),
            _moved(row["threshold_before"], row["threshold_after"]),
            f"{flipped['right_to_wrong']:,} / {flipped['wrong_to_right']:,}" if "flips" in head else "",
        )
    return table


def _print_flips(console: Console, flips: Mapping[str, Any], title: str) -> None:
    lost, won = flips["right_to_wrong"], flips["wrong_to_right"]
    _say(
        console,
        f"{title}{flips['changed']:,} of {flips['texts']:,} texts are decided differently: [red]{lost:,} right → "
        f"wrong[/], [green]{won:,} wrong → right[/] (McNemar's exact {p_value(flips['p'])})",
    )
    for direction in ("right_to_wrong", "wrong_to_right"):
        chosen = [row for row in flips["examples"] if row["direction"] == direction]
        if not chosen:
            continue
        table = _table(direction.replace("_to_", " → "), "text", "right", "before", "after")
        for row in chosen[:_EXAMPLES_SHOWN]:
            table.add_row(*(escape(format_value(row[key])) for key in ("text", "right", "before", "after")))
        console.print(table)


def _print_heads_gone(console: Console, document: Mapping[str, Any]) -> None:
    for word in ("added", "removed"):
        if document[f"heads_{word}"]:
            _say(console, f"heads {word}: {', '.join(document[f'heads_{word}'])}")


def _print_verdict(console: Console, verdict: Mapping[str, Any]) -> None:
    told = {True: "[green]blessed[/]", False: "[red]not blessed[/]", None: "no verdict"}
    _say(console, f"\n[bold]verdict[/] {told[verdict['blessed'][0]]} → {told[verdict['blessed'][1]]}")
    if verdict["checks"]:
        table = _table("checks that differ", "check", "before", "after")
        for row in verdict["checks"]:
            table.add_row(escape(row["check"]), _check(row["before"]), _check(row["after"]))
        console.print(table)


def _print_settings(console: Console, changes: list[Mapping[str, Any]]) -> None:
    if not changes:
        _say(console, "\n[bold]configuration[/] the same")
        return
    table = _table("configuration", "setting", "before", "after")
    for row in changes:
        table.add_row(
            escape(row["key"]), escape(format_value(row["before"])), escape(format_value(row["after"]))
        )
    console.print(table)


def _print_data(console: Console, data: Mapping[str, Any]) -> None:
    if data["same"]:
        _say(console, "\n[bold]data[/] the same to the byte")
        return
    if not any(data[key] for key in ("labels_added", "labels_removed", "figures", "shares")):
        _say(console, "\n[bold]data[/] other examples, of which every figure is the same")
    for word in ("added", "removed"):
        if data[f"labels_{word}"]:
            _say(console, f"labels {word}: {escape(', '.join(data[f'labels_{word}']))}")
    if data["figures"]:
        table = _table("data", "split", "figure", "before", "after", numbers=2)
        for row in data["figures"]:
            table.add_row(
                row["split"], row["figure"], format_value(row["before"]), format_value(row["after"])
            )
        console.print(table)
    if data["shares"]:
        table = _table("labels that moved most", "split", "label", "share before", "share after", numbers=2)
        for row in data["shares"][:_SHARES_SHOWN]:
            table.add_row(
                row["split"], escape(row["label"]), format_share(row["before"]), format_share(row["after"])
            )
        console.print(table)


def _table(title: str, *columns: str, numbers: int = 0) -> Table:
    """A table whose last `numbers` columns hold numbers."""
    table = Table(
        title=f"\n{escape(title)}",
        title_justify="left",
        title_style="bold",
        header_style="dim",
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
    )
    for place, column in enumerate(columns):
        justify: JustifyMethod = "right" if place >= len(columns) - numbers else "left"
        table.add_column(column, overflow="fold", justify=justify)
    return table


def _change(row: Mapping[str, Any]) -> str:
    """A change, in bold if it is no noise."""
    told = change_of(row["change"])
    return f"[bold]{told}[/]" if is_certain(row["change"]) else told


def _moved(before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return ""
    return f"{before:.3f}" if before == after else f"{before:.3f} → {after:.3f}"


def _check(check: Mapping[str, Any] | None) -> str:
    if check is None:
        return "–"
    mark = "[green]✓[/]" if check["passed"] else "[red]✗[/]"
    return f"{mark} {escape(check['message'])}"


def _say(console: Console, markup: str) -> None:
    console.print(markup, highlight=False, soft_wrap=True)
