"""What the words of a text add to a model's scores: coloured in the terminal, as JSON, as a page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.pages.words import shade_of
from pipeline.printable import escape, printable

if TYPE_CHECKING:
    from components.evaluation.explanations.explainer import Explanation, Word

__all__ = [
    "ExplainedOutput",
    "ExplainedText",
    "explanation_document",
    "explanation_page",
    "show_explanation",
]

_DIGITS = 6
_SHOWN_WORDS = 8
_SHOWN_OTHERS = 3
_BAR_CELLS = 16

_FOR = ("#dbe9ff", "#aecdff", "#79acfb", "#4d8df0")
_AGAINST = ("#ffe8d1", "#ffcb97", "#fba55c", "#ee8130")
"""Weak to strong, under black letters: blue and orange are told apart by whoever does not see red or green."""


@dataclass(frozen=True)
class ExplainedOutput:
    """An output of a model.

    Attributes:
        name: the label, or the name of the number.
        is_number: it is a regression head's.
        threshold: probability from which on a label of a multi-label head applies; None where the most probable one
            does, and of numbers.
    """

    name: str
    is_number: bool
    threshold: float | None


@dataclass(frozen=True)
class ExplainedText:
    """What a model says of a text, and why.

    Attributes:
        text: as given.
        context: what was said before; "" for nothing.
        outputs: of the model.
        scores: by output.
        decided: by output.
        explanations: by position of the output, of those that are explained.
    """

    text: str
    context: str
    outputs: Sequence[ExplainedOutput]
    scores: Sequence[float]
    decided: Sequence[bool]
    explanations: Mapping[int, "Explanation"]

    def shown(self) -> list[int]:
        """The outputs that a table shows, highest scores first: explained ones, those that apply, a few others."""
        ranked = sorted(range(len(self.outputs)), key=lambda column: -self.scores[column])
        others = [column for column in ranked if column not in self.explanations and not self.decided[column]]
        left_out = set(others[_SHOWN_OTHERS:])
        return [column for column in ranked if column not in left_out]


def explanation_document(explained: ExplainedText) -> dict[str, Any]:
    """The answer as JSON values; characters are counted in code points, values are in the score's unit."""
    context = {"context": explained.context} if explained.context else {}
    names = [output.name for output in explained.outputs]
    applies = [name for name, decided in zip(names, explained.decided, strict=True) if decided]
    return {
        "text": explained.text,
        **context,
        "labels": applies,
        "scores": {name: round(score, _DIGITS) for name, score in zip(names, explained.scores, strict=True)},
        "explanations": [
            _explanation(explained, column, found) for column, found in explained.explanations.items()
        ],
    }


def _explanation(explained: ExplainedText, column: int, found: "Explanation") -> dict[str, Any]:
    output = explained.outputs[column]
    context = {"context_words": list(map(_word, found.context_words))} if explained.context else {}
    return {
        "label": output.name,
        "score": round(found.score, _DIGITS),
        "threshold": output.threshold,
        "decided": explained.decided[column],
        "baseline_score": round(found.baseline_score, _DIGITS),
        "words": list(map(_word, found.words)),
        **context,
        "gap": round(found.gap, _DIGITS),
        "complete": found.complete,
        "steps": found.steps,
    }


def _word(word: "Word") -> dict[str, Any]:
    value = None if word.value is None else round(word.value, _DIGITS)
    return {"text": word.text, "start": word.start, "end": word.end, "value": value}


def show_explanation(console: Console, explained: ExplainedText) -> None:
    """Prints the scores, and for each that is explained the coloured text and its strongest words with figures."""
    if explained.context:
        console.print(f"[dim]{escape(explained.context)}[/]", highlight=False)
    console.print(f"[bold]{escape(explained.text)}[/]", highlight=False)
    console.print(_outputs_table(explained))
    for column, found in explained.explanations.items():
        _show_words(console, explained, explained.outputs[column], found)


def _outputs_table(explained: ExplainedText) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="dim")
    table.add_column("")
    table.add_column("output")
    for name in ("score", "threshold"):
        table.add_column(name, justify="right")
    table.add_column("decision")
    for column in explained.shown():
        output, decided = explained.outputs[column], explained.decided[column]
        style = "bold" if decided else ""
        table.add_row(
            "✓" if decided else " ",
            escape(output.name),
            f"{explained.scores[column]:.3f}",
            "" if output.threshold is None else f"{output.threshold:.3f}",
            decision(output, decided=decided),
            style=style,
        )
    return table


def decision(output: ExplainedOutput, *, decided: bool) -> str:
    """In a word."""
    if output.is_number:
        return "number"
    return "applies" if decided else "does not apply"


def _show_words(
    console: Console, explained: ExplainedText, output: ExplainedOutput, found: "Explanation"
) -> None:
    strongest = _strongest([*found.words, *found.context_words])
    largest = abs(strongest[0].value or 0.0) if strongest else 0.0
    console.print(
        f"\n [bold]{escape(output.name)}[/] {found.score:.3f}, and {found.baseline_score:.3f} with every word hidden",
        highlight=False,
    )
    if found.context_words:
        console.print(_coloured(explained.context, found.context_words, largest))
    console.print(_coloured(explained.text, found.words, largest))
    table = Table.grid(padding=(0, 1))
    for word in strongest[:_SHOWN_WORDS]:
        value = word.value or 0.0
        bar = "█" * max(round(abs(value) / largest * _BAR_CELLS), 1) if largest else ""
        table.add_row("  ", escape(word.text), f"{value:+.3f}", bar, "for" if value > 0 else "against")
    console.print(table)
    if len(strongest) > _SHOWN_WORDS:
        console.print(f"   and {len(strongest) - _SHOWN_WORDS} weaker words", highlight=False, style="dim")
    for remark in remarks(found):
        console.print(f"   {remark}", highlight=False, style="yellow")


def remarks(found: "Explanation") -> list[str]:
    """What a reader must know besides the values."""
    told = []
    if any(word.value is None for word in (*found.words, *found.context_words)):
        told.append("The text is too long: what is struck out was not read.")
    if not found.complete:
        told.append(
            f"Not exact: the values miss up to {found.gap:.2g} of {found.score - found.baseline_score:+.3g}, "
            f"after {found.steps} steps."
        )
    return told


def _strongest(words: Sequence["Word"]) -> list["Word"]:
    """Words that add or take something, the strongest first."""
    return sorted((word for word in words if word.value), key=lambda word: -abs(word.value or 0.0))


def _coloured(text: str, words: Sequence["Word"], largest: float) -> Text:
    shown = Text("   ")
    for piece, value, read in _parts(text, words):
        part = printable(piece)
        shade = 0 if value is None else shade_of(value, largest)
        if shade:
            shown.append(part, f"#000000 on {(_FOR if shade > 0 else _AGAINST)[abs(shade) - 1]}")
        else:
            shown.append(part, "" if read else "dim strike")
    return shown


def _parts(text: str, words: Sequence["Word"]) -> Iterator[tuple[str, float | None, bool]]:
    """The whole text: words and what stands between them, with values, and whether the model read them."""
    end = 0
    for word in words:
        yield text[end : word.start], None, True
        yield word.text, word.value, word.value is not None
        end = word.end
    yield text[end:], None, True


def explanation_page(explained: Sequence[ExplainedText]) -> str:
    """A page that needs no network and no script, light and dark."""
    from pipeline.pages.environment import page_environment

    return (
        page_environment("commands")
        .get_template("explain.html.j2")
        .render(
            texts=explained,
            decision=decision,
            remarks=remarks,
            parts=_parts,
            shade_of=shade_of,
            strongest=_strongest,
        )
    )
