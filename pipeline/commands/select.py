"""`emotion select`: the unlabelled texts that are worth a person's time."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from components.core.atomic_files import write_atomic
from components.core.errors import UserError
from components.data.sources.unlabelled import UnlabelledText, read_unlabelled
from pipeline.commands.output_file import require_free, require_json_lines
from pipeline.commands.trained_model import TrainedModel, find_trained_model, labelled_texts, normalized
from pipeline.native_stderr import stderr_to
from pipeline.printable import escape

if TYPE_CHECKING:
    from components.modeling.classifier import LoadedModel
    from components.modeling.selection import Chosen, Strategy

__all__ = ["SelectOptions", "select_command"]

_SHOWN_CHARACTERS = 90
_MOST_COVERED = 20_000


@dataclass(frozen=True)
class SelectOptions:
    """What the command line said.

    Attributes:
        count: texts to choose.
        strategy: by what.
        column: of the texts in files that have columns.
        output: JSON Lines file to write, if any.
        force: overwrite it.
        as_json: print JSON Lines in place of a table.
    """

    count: int
    strategy: "Strategy"
    column: str
    output: Path | None
    force: bool
    as_json: bool


def select_command(model: Path, unlabelled: str, options: SelectOptions) -> None:
    """Chooses texts, tells them with reasons, and writes them down.

    Texts that stand among the labelled ones of the model's pipeline root, or twice in the file, are left out.

    Raises:
        UserError: there is no such model, no text is left to choose from, or the file exists or is none of JSON Lines.
    """
    if options.output is not None:
        require_json_lines(options.output)
        require_free(options.output, force=options.force)
    trained = find_trained_model(model)
    labelled = [] if trained.examples is None else list(labelled_texts(trained.examples))
    known = {normalized(text) for _, text in labelled}
    candidates, left_out = _candidates(unlabelled, options.column, known)
    if not candidates:
        raise UserError(f"{unlabelled}: no text that is not labelled already; give others")
    print(
        f"{len(candidates)} texts to choose from; {left_out} left out that are labelled or repeated",
        file=sys.stderr,
    )
    if trained.examples is None:
        print("labelled texts are not known: the model stands in no pipeline root", file=sys.stderr)
    train = [text for split, text in labelled if split == "train"]
    with stderr_to(os.devnull):
        documents = _choose(trained, candidates, train, options)
    if options.output is not None:
        write_atomic(options.output, "".join(f"{line}\n" for line in map(_line, documents)))
    if options.as_json:
        for document in documents:
            print(_line(document))
        return
    _show(documents)
    if options.output is not None:
        Console().print(f"{len(documents)} texts: {options.output}", highlight=False)


def _candidates(source: str, column: str, known: set[str]) -> tuple[list[UnlabelledText], int]:
    """The texts, each once, and how many were left out."""
    seen, found, left_out = set(known), [], 0
    for text in read_unlabelled(source, column=column):
        key = normalized(text.text)
        if key in seen:
            left_out += 1
        else:
            seen.add(key)
            found.append(text)
    return found, left_out


def _choose(
    trained: TrainedModel, candidates: list[UnlabelledText], train: list[str], options: SelectOptions
) -> list[dict[str, Any]]:
    from components.modeling.classifier import load_model
    from components.modeling.selection import select
    from components.modeling.text_vectors import text_vectors

    loaded = load_model(trained.model)
    texts = [candidate.text for candidate in candidates]
    vectors = covered = None
    if options.strategy in ("diversity", "mixed"):
        vectors = text_vectors(loaded, texts)
        # Evenly spread: enough of them to know what is covered.
        covered = text_vectors(loaded, train[:: -(-len(train) // _MOST_COVERED)]) if train else None
    scores = loaded.scores(texts)
    chosen = select(
        options.strategy,
        options.count,
        heads=loaded.config.heads,
        thresholds=loaded.config.thresholds,
        scores=scores,
        vectors=vectors,
        covered=covered,
    )
    return [_document(one, candidates[one.row], loaded, scores[one.row], options.strategy) for one in chosen]


def _document(
    one: "Chosen", text: UnlabelledText, loaded: "LoadedModel", scores: Any, strategy: str
) -> dict[str, Any]:
    decided = loaded.decide(scores[None])[0]
    labels = loaded.config.labels
    return {
        "id": text.id,
        "text": text.text,
        "strategy": strategy,
        "value": round(one.value, 6),
        "reason": one.reason,
        "predicted": [label for label, applies in zip(labels, decided, strict=True) if applies],
        "scores": {label: round(float(score), 6) for label, score in zip(labels, scores, strict=True)},
    }


def _line(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False)


def _show(documents: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, justify in (("value", "right"), ("text", "left"), ("predicted", "left"), ("reason", "left")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for document in documents:
        text = document["text"]
        shown = text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
        table.add_row(
            f"{document['value']:.3f}",
            escape(shown),
            escape(", ".join(document["predicted"])),
            escape(document["reason"]),
        )
    Console().print(table)
