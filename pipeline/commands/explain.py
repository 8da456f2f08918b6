"""`emotion explain`: which words of a text made a model answer as it does."""

import difflib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from components.core.atomic_files import write_atomic
from components.core.errors import UserError
from pipeline.commands.explanation_views import (
    ExplainedOutput,
    ExplainedText,
    explanation_document,
    explanation_page,
    show_explanation,
)
from pipeline.commands.given_texts import given_contexts, given_texts
from pipeline.commands.output_file import require_writable
from pipeline.commands.roots import newest_root
from pipeline.commands.trained_model import find_trained_model
from pipeline.native_stderr import stderr_to

if TYPE_CHECKING:
    from components.evaluation.explanations.explainer import Explainer
    from components.modeling.classifier import LoadedModel, ModelConfig

__all__ = ["ExplainOptions", "explain_command"]

_TEXTS_AT_A_TIME = 64


@dataclass(frozen=True)
class ExplainOptions:
    """What the command line said.

    Attributes:
        contexts: what was said before: one for all texts, or one for each.
        file: of texts, a line each.
        model: Model artifact or pipeline root; None is the root that was used last.
        labels: outputs to explain; none are those that apply to each text.
        html: file to write.
        as_json: print JSON lines in place of coloured words.
    """

    contexts: Sequence[str]
    file: Path | None
    model: Path | None
    labels: Sequence[str]
    html: Path | None
    as_json: bool


def explain_command(texts: Sequence[str], options: ExplainOptions) -> None:
    """Explains the texts' scores and prints each text when it is done.

    Raises:
        UserError: there is no text, no such model or label, the contexts do not fit texts or model, or the
            page cannot be written.
    """
    if options.html is not None:
        require_writable(options.html)
    wanted = given_texts(texts, options.file, command="explain")
    before = given_contexts(options.contexts, len(wanted)) or [""] * len(wanted)
    trained = find_trained_model(newest_root(None) if options.model is None else options.model)
    with stderr_to(os.devnull):
        from components.evaluation.explanations.explainer import Explainer
        from components.modeling.classifier import load_model

        loaded = load_model(trained.model)
        if options.contexts and loaded.tokenizer.segments == 1:
            raise UserError(f"{trained.model.path}: this model reads texts alone; leave --context out")
        chosen = [_column(label, loaded.config) for label in options.labels]
        explainer = Explainer(loaded)
    console = Console()
    explained: list[ExplainedText] = []
    for start in range(0, len(wanted), _TEXTS_AT_A_TIME):
        chunk = slice(start, start + _TEXTS_AT_A_TIME)
        with stderr_to(os.devnull):
            found = _explain(loaded, explainer, wanted[chunk], before[chunk], chosen)
        for one in found:
            if options.as_json:
                print(json.dumps(explanation_document(one), ensure_ascii=False))
            else:
                show_explanation(console, one)
        explained += found if options.html is not None else []
    if options.html is not None:
        write_atomic(options.html, explanation_page(explained))
        if not options.as_json:
            console.print(f"{options.html}", highlight=False)


def _column(label: str, config: "ModelConfig") -> int:
    if label in config.labels:
        return config.labels.index(label)
    near = difflib.get_close_matches(label, config.labels, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"it answers {', '.join(config.labels)}"
    raise UserError(f"--label {label}: the model does not answer that; {hint}")


def _explain(
    loaded: "LoadedModel",
    explainer: "Explainer",
    texts: Sequence[str],
    contexts: Sequence[str],
    chosen_columns: Sequence[int],
) -> list[ExplainedText]:
    from components.evaluation.explanations.explainer import Asked

    scores = loaded.scores(texts, contexts=contexts)
    decided = loaded.decide(scores)
    outputs = _outputs(loaded.config)
    chosen = [
        list(chosen_columns) or _default_columns(outputs, *row) for row in zip(scores, decided, strict=True)
    ]
    asked = [
        Asked(text, column, context)
        for text, context, own in zip(texts, contexts, chosen, strict=True)
        for column in own
    ]
    explanations = iter(explainer.explain(asked))
    return [
        ExplainedText(
            text,
            context,
            tuple(outputs),
            tuple(map(float, row)),
            tuple(map(bool, applies)),
            {column: next(explanations) for column in own},
        )
        for text, context, own, row, applies in zip(texts, contexts, chosen, scores, decided, strict=True)
    ]


def _outputs(config: "ModelConfig") -> list[ExplainedOutput]:
    from components.modeling.heads import columns

    outputs = []
    for head, own in zip(config.heads, columns(config.heads).values(), strict=True):
        for name, threshold in zip(head.outputs, config.thresholds[own], strict=True):
            applies_from = threshold if head.task == "multi_label" else None
            outputs.append(ExplainedOutput(name, head.task == "regression", applies_from))
    return outputs


def _default_columns(
    outputs: Sequence[ExplainedOutput], scores: Sequence[float], decided: Sequence[bool]
) -> list[int]:
    """What applies, else the likeliest label; and every number."""
    numbers = [column for column, output in enumerate(outputs) if output.is_number]
    labels = [column for column in range(len(outputs)) if column not in numbers]
    applies = sorted((column for column in labels if decided[column]), key=lambda column: -scores[column])
    if not applies and labels:
        applies = [max(labels, key=lambda column: scores[column])]
    return [*applies, *numbers]
