"""`emotion inspect run` for a person: what each stage took, told and left."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from pipeline.console import MARKS, format_summary
from pipeline.metadata.records import State
from pipeline.pages.formats import format_seconds
from pipeline.printable import printable

__all__ = ["show_run"]


def show_run(console: Console, executions: Sequence[Mapping[str, Any]]) -> None:
    """Prints the stages as `emotion inspect run --json` has them: a line each, and what belongs to it below."""
    width = max(len(execution["stage"]) for execution in executions)
    before = None
    for execution in executions:
        error = None if execution["error"] == before else execution["error"]
        before = execution["error"]
        mark = Text.from_markup(MARKS.get(State(execution["state"]), "[red]✗[/]"))
        head = Text.assemble(mark, " ", (execution["stage"].ljust(width), "bold"), "  ", _took(execution))
        console.print(head, highlight=False)
        for words, style in (
            (error, "red"),
            (format_summary(execution["summary"]), ""),
            (", ".join("/".join(uri.split("/")[-3:]) for uri in execution["outputs"].values()), "dim"),
        ):
            if words:
                console.print(Padding(Text(printable(words), style), (0, 0, 0, 4)), highlight=False)


def _took(execution: Mapping[str, Any]) -> str:
    """`complete, 3 min 20 s, CPU 4 min 2 s, 2,425 MiB`."""
    resources = dict(execution["resources"])
    cpu_s, peak_mib = resources.pop("cpu_s", None), resources.pop("peak_memory_mib", None)
    told = [
        execution["state"].lower(),
        None if execution["seconds"] is None else format_seconds(execution["seconds"]),
        None if cpu_s is None else f"CPU {format_seconds(cpu_s)}",
        None if peak_mib is None else f"{peak_mib:,.0f} MiB",
        format_summary(resources),
    ]
    return ", ".join(filter(None, told))
