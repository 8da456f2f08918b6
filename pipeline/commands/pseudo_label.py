"""`emotion pseudo-label`: labels for unlabelled texts, where the model is sure."""

import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from components.core.atomic_files import write_atomic
from components.core.errors import UserError
from components.core.filesystem import content_digest
from components.data.sources.unlabelled import read_unlabelled
from pipeline.commands.output_file import require_free, require_json_lines
from pipeline.commands.trained_model import find_trained_model, labelled_texts, normalized
from pipeline.native_stderr import stderr_to
from pipeline.printable import escape

__all__ = ["PseudoLabelOptions", "pseudo_label_command"]


@dataclass(frozen=True)
class PseudoLabelOptions:
    """What the command line said.

    Attributes:
        output: JSON Lines file to write.
        min_confidence: least confidence of every decision about a text, 0-1.
        per_label: most rows that may have a label; None for any number.
        weight: weight in the loss of a row that the model is quite sure of.
        column: of the texts in files that have columns.
        force: overwrite the file.
        as_json: print JSON in place of text.
    """

    output: Path
    min_confidence: float
    per_label: int | None
    weight: float
    column: str
    force: bool
    as_json: bool


def pseudo_label_command(model: Path, unlabelled: str, options: PseudoLabelOptions) -> None:
    """Labels the texts and writes those that the model is sure of, as ExampleGen reads them.

    Texts that are labelled already, in any split of the model's pipeline root, are left out.

    Raises:
        UserError: there is no such model, nothing to label, or the file exists or is none of JSON Lines.
    """
    require_json_lines(options.output)
    require_free(options.output, force=options.force)
    trained = find_trained_model(model)
    known = (
        set()
        if trained.examples is None
        else {normalized(text) for _, text in labelled_texts(trained.examples)}
    )
    every = list(read_unlabelled(unlabelled, column=options.column))
    texts = list({normalized(text.text): text for text in reversed(every)}.values())[::-1]
    texts = [text for text in texts if normalized(text.text) not in known]
    if not texts:
        raise UserError(f"{unlabelled}: no text that is not labelled already; give others")
    with stderr_to(os.devnull):
        from components.modeling.classifier import load_model
        from components.modeling.pseudo_labels import choose_pseudo_labels, label_columns

        loaded = load_model(trained.model)
        scores = loaded.scores([text.text for text in texts])
    heads, names = loaded.config.heads, loaded.config.labels
    found = choose_pseudo_labels(
        heads,
        scores,
        loaded.config.thresholds,
        min_confidence=options.min_confidence,
        per_label=options.per_label,
    )
    provenance = {
        "model": str(trained.model.path.resolve()),
        "digest": content_digest(str(trained.model.path)),
    }
    lines, counts = [], Counter[str]()
    for row in found.rows:
        decided = found.decisions[row]
        counts.update(name for name, applies in zip(names, decided, strict=True) if applies)
        document: dict[str, Any] = {
            "id": f"pseudo/{texts[row].id}",
            "text": texts[row].text,
            **label_columns(heads, decided),
            "weight": round(options.weight * float(found.confidence[row]), 6),
            "confidence": round(float(found.confidence[row]), 6),
            "scores": {name: round(float(score), 6) for name, score in zip(names, scores[row], strict=True)},
            "labelled_by": provenance,
        }
        lines.append(json.dumps(document, ensure_ascii=False) + "\n")
    write_atomic(options.output, "".join(lines))
    _tell(
        options,
        {
            "output": str(options.output),
            "texts": len(every),
            "known": len(every) - len(texts),
            "unsure": found.unsure,
            "no_label": found.unlabelled,
            "over_cap": found.over_cap,
            "labelled": len(lines),
            "labels": {name: counts[name] for name in names},
        },
    )


def _tell(options: PseudoLabelOptions, summary: dict[str, Any]) -> None:
    if options.as_json:
        print(json.dumps(summary, ensure_ascii=False))
        return
    labels = ", ".join(f"{name} {count}" for name, count in summary["labels"].items())
    left_out = (
        f"{summary['known']} repeated or labelled before, {summary['unsure']} unsure, {summary['no_label']} without a "
        f"label, {summary['over_cap']} over --per-label"
    )
    what = f"{summary['labelled']} of {summary['texts']} texts labelled ({left_out})"
    Console().print(f"{summary['output']}: {what}\n{escape(labels)}", highlight=False)
