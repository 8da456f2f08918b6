"""`emotion predict`: labels with scores, for a person or as JSON lines."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from components.core.errors import UserError
from components.core.filesystem import open_file
from pipeline.commands.roots import newest_pushed
from pipeline.native_stderr import stderr_to

__all__ = ["predict_command"]

_BAR_CELLS = 24


@dataclass(frozen=True)
class _Score:
    """One label of one text: probability 0-1 and whether it reaches the label's threshold."""

    label: str
    score: float
    decided: bool


_Scorer = Callable[[Sequence[str]], list[list[_Score]]]


def predict_command(
    texts: Sequence[str], *, file: Path | None, model: Path | None, tflite: bool, top: int, as_json: bool
) -> None:
    """Scores the texts and prints, for each, the labels that apply and the likeliest others."""
    wanted = list(_gather(texts, file))
    if not wanted:
        raise UserError('no text given; write `emotion predict "some text"`, name --file, or pipe lines in')
    with stderr_to(os.devnull):
        answers = _open_model(model, tflite=tflite)(wanted)
    if as_json:
        for text, scores in zip(wanted, answers, strict=True):
            print(json.dumps(_document(text, scores), ensure_ascii=False))
        return
    console = Console()
    for text, scores in zip(wanted, answers, strict=True):
        _show(console, text, scores[:top])


def _gather(texts: Sequence[str], file: Path | None) -> Iterator[str]:
    """The arguments, else the file's lines, else stdin's; blank lines are left out."""
    if texts:
        yield from texts
    elif file is not None:
        with open_file(str(file)) as stream:
            yield from _lines(stream.read(), str(file))
    elif not sys.stdin.isatty():
        yield from _lines(sys.stdin.buffer.read(), "stdin")


def _lines(content: bytes, name: str) -> Iterator[str]:
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        try:
            text = line.decode("utf-8").strip()
        except UnicodeDecodeError as err:
            raise UserError(f"{name}: line {number} is not UTF-8; convert the file, e.g. with iconv") from err
        if text:
            yield text


def _open_model(model: Path | None, *, tflite: bool) -> _Scorer:
    if model is None:
        model = newest_pushed("tflite" if tflite else "saved_model")
    if not model.exists():
        raise UserError(f"{model}: no such model; name a pushed directory, a SavedModel or a .tflite file")
    if tflite or model.suffix == ".tflite":
        return _tflite_scorer(_tflite_file(model))
    return _saved_model_scorer(_saved_model_dir(model))


def _tflite_file(model: Path) -> Path:
    """The file itself, or the smallest one of the newest version in a pushed directory: it is the phone's."""
    if model.is_file():
        return model
    files = sorted(model.rglob("*.tflite"), key=lambda path: (_version_of(path.parent), -path.stat().st_size))
    if not files:
        raise UserError(f"{model}: holds no .tflite file; name one or a pushed model directory")
    return files[-1]


def _saved_model_dir(model: Path) -> Path:
    """The SavedModel itself, or the newest version in a pushed directory."""
    found = sorted((file.parent for file in model.rglob("saved_model.pb")), key=_version_of)
    if not found:
        raise UserError(f"{model}: holds no SavedModel; name a SavedModel or a pushed model directory")
    return found[-1]


def _version_of(directory: Path) -> int:
    return int(directory.name) if directory.name.isdigit() else 0


def _tflite_scorer(path: Path) -> _Scorer:
    from tflite.interpreter import TextClassifier

    classifier = TextClassifier(path)

    def score(texts: Sequence[str]) -> list[list[_Score]]:
        ranked = classifier.classify(texts)
        return [[_Score(one.label, one.score, one.decided) for one in row] for row in ranked]

    return score


def _saved_model_scorer(path: Path) -> _Scorer:
    from serving.predictor import Predictor

    predictor = Predictor(path)

    def score(texts: Sequence[str]) -> list[list[_Score]]:
        rows = []
        for answer in predictor.predict(texts):
            scores = map(_Score, answer.labels, answer.scores, answer.decided)
            rows.append(sorted(scores, key=lambda one: -one.score))
        return rows

    return score


def _document(text: str, scores: Sequence[_Score]) -> dict[str, object]:
    return {
        "text": text,
        "labels": [one.label for one in scores if one.decided],
        "scores": {one.label: round(one.score, 6) for one in scores},
    }


def _show(console: Console, text: str, scores: Sequence[_Score]) -> None:
    console.print(f"[bold]{escape(text)}[/]", highlight=False)
    table = Table.grid(padding=(0, 1))
    for one in scores:
        filled = round(one.score * _BAR_CELLS)
        bar = "█" * filled + "[dim]" + "·" * (_BAR_CELLS - filled) + "[/]"
        style = "bold green" if one.decided else "dim"
        mark = "✓" if one.decided else " "
        table.add_row(f" [{style}]{mark}[/]", f"[{style}]{escape(one.label)}[/]", bar, f"{one.score:.3f}")
    console.print(table)
