"""`emotion predict`: what a model says of texts, for a person or as JSON lines."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from rich.console import Console

from components.core.errors import UserError
from pipeline.commands.answer_tables import Answer, answer_document, show_answer
from pipeline.commands.given_texts import given_contexts, given_texts
from pipeline.commands.roots import newest_pushed
from pipeline.native_stderr import stderr_to

if TYPE_CHECKING:
    from tflite.heads import Head

__all__ = ["predict_command"]

_Scorer: TypeAlias = Callable[[Sequence[str], Sequence[str] | None], list[Answer]]


@dataclass(frozen=True)
class _OpenModel:
    """A model that answers: its heads, how many segments it reads, and the function from texts and contexts."""

    path: Path
    heads: "tuple[Head, ...]"
    segments: int
    score: _Scorer


def predict_command(
    texts: Sequence[str],
    *,
    contexts: Sequence[str],
    file: Path | None,
    model: Path | None,
    tflite: bool,
    top: int,
    as_json: bool,
) -> None:
    """Scores the texts and prints, for each, what applies and the likeliest others, head by head.

    Raises:
        UserError: there is no text, no such model, or the contexts do not fit texts or model.
    """
    wanted = given_texts(texts, file, command="predict")
    before = given_contexts(contexts, len(wanted))
    with stderr_to(os.devnull):
        opened = _open_model(model, tflite=tflite)
        if before is not None and opened.segments == 1:
            raise UserError(f"{opened.path}: this model reads texts alone; leave --context out")
        answers = opened.score(wanted, before)
    console = Console()
    for row, (text, answer) in enumerate(zip(wanted, answers, strict=True)):
        context = None if before is None else before[row]
        if as_json:
            print(json.dumps(answer_document(text, context, opened.heads, answer), ensure_ascii=False))
        else:
            show_answer(console, text, context, opened.heads, answer, top=top)


def _open_model(model: Path | None, *, tflite: bool) -> _OpenModel:
    if model is None:
        model = newest_pushed("tflite" if tflite else "saved_model")
    if not model.exists():
        raise UserError(f"{model}: no such model; name a pushed directory, a SavedModel or a .tflite file")
    if tflite or model.suffix == ".tflite":
        return _open_tflite(_tflite_file(model))
    return _open_saved_model(_saved_model_dir(model))


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


def _open_tflite(path: Path) -> _OpenModel:
    from tflite.heads import decide
    from tflite.interpreter import TextClassifier

    classifier = TextClassifier(path)

    def score(texts: Sequence[str], contexts: Sequence[str] | None) -> list[Answer]:
        scores = classifier.scores_of(texts, contexts)
        decided = decide(classifier.heads, scores, classifier.thresholds)
        return [Answer(*row) for row in zip(scores.tolist(), decided.tolist(), strict=True)]

    return _OpenModel(path, classifier.heads, classifier.metadata.tokenizer.segments, score)


def _open_saved_model(path: Path) -> _OpenModel:
    from serving.description import describe
    from serving.predictor import Predictor
    from tflite.heads import Head

    description = describe(path)
    predictor = Predictor(path)

    def score(texts: Sequence[str], contexts: Sequence[str] | None) -> list[Answer]:
        return [Answer(one.scores, one.decided) for one in predictor.predict(texts, contexts=contexts)]

    heads = tuple(Head(**vars(head)) for head in description.heads)
    return _OpenModel(path, heads, description.segments, score)
