"""What a model says of one text: a table for each head, or a JSON document."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from pipeline.printable import escape

if TYPE_CHECKING:
    from tflite.heads import Head

__all__ = ["Answer", "answer_document", "show_answer"]

_BAR_CELLS = 24
_SHOWN_DEVIATIONS = 2.0
"""The scale of a number reaches so far to either side of the mean: most of the training data lie on it."""


@dataclass(frozen=True)
class Answer:
    """Scores and decisions of one text, by output."""

    scores: Sequence[float]
    decided: Sequence[bool]


@dataclass(frozen=True)
class _Output:
    """One output of one text: probability 0-1 or number, whether it applies, and its place among the head's."""

    name: str
    score: float
    decided: bool
    place: int


def answer_document(
    text: str, context: str | None, heads: "Sequence[Head]", answer: Answer
) -> dict[str, Any]:
    """The answer as JSON values: `labels` that apply and `scores` of all, if there are any, and `values` of numbers."""
    document: dict[str, Any] = {"text": text}
    if context is not None:
        document["context"] = context
    for head, outputs in _by_head(heads, answer):
        if head.is_regression:
            document.setdefault("values", {}).update({one.name: round(one.score, 6) for one in outputs})
            continue
        ranked = sorted(outputs, key=lambda one: -one.score)
        document.setdefault("labels", []).extend(one.name for one in ranked if one.decided)
        document.setdefault("scores", {}).update({one.name: round(one.score, 6) for one in ranked})
    return document


def show_answer(
    console: Console,
    text: str,
    context: str | None,
    heads: "Sequence[Head]",
    answer: Answer,
    *,
    top: int,
) -> None:
    """Prints the text and a table for each head, with the head's name over it if there are several.

    Labels stand with the likeliest first, `top` of them; levels of an ordinal head in their order, all of them.
    """
    if context:
        console.print(f"[dim]{escape(context)}[/]", highlight=False)
    console.print(f"[bold]{escape(text)}[/]", highlight=False)
    for head, outputs in _by_head(heads, answer):
        if len(heads) > 1:
            console.print(f" [italic]{escape(head.name)}[/]", highlight=False)
        console.print(_numbers(head, outputs) if head.is_regression else _labels(head, outputs, top))


def _by_head(heads: "Sequence[Head]", answer: Answer) -> "Iterator[tuple[Head, list[_Output]]]":
    start = 0
    for head in heads:
        own = slice(start, start := start + len(head.outputs))
        columns = zip(head.outputs, answer.scores[own], answer.decided[own], strict=True)
        yield head, [_Output(*column, place) for place, column in enumerate(columns)]


def _labels(head: "Head", outputs: Sequence[_Output], top: int) -> Table:
    shown = outputs if head.task == "ordinal" else sorted(outputs, key=lambda one: -one.score)[:top]
    table = Table.grid(padding=(0, 1))
    for one in shown:
        filled = round(one.score * _BAR_CELLS)
        bar = "█" * filled + "[dim]" + "·" * (_BAR_CELLS - filled) + "[/]"
        style = "bold green" if one.decided else "dim"
        mark = "✓" if one.decided else " "
        table.add_row(f" [{style}]{mark}[/]", f"[{style}]{escape(one.name)}[/]", bar, f"{one.score:.3f}")
    return table


def _numbers(head: "Head", outputs: Sequence[_Output]) -> Table:
    """Each number on a scale around the mean of the training data, with the scale's ends."""
    table = Table.grid(padding=(0, 1))
    for one in outputs:
        mean, reach = head.mean[one.place], _SHOWN_DEVIATIONS * head.std[one.place]
        share = (one.score - (mean - reach)) / (2 * reach)
        cell = min(max(round(share * (_BAR_CELLS - 1)), 0), _BAR_CELLS - 1)
        scale = f"[dim]{'·' * cell}[/]█[dim]{'·' * (_BAR_CELLS - 1 - cell)}[/]"
        ends = f"[dim]usually {mean - reach:.3g} to {mean + reach:.3g}[/]"
        table.add_row("  ", escape(one.name), scale, f"{one.score:.3f}", ends)
    return table
