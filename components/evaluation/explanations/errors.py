"""What made a model sure of what is wrong: explanations of its worst errors."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from components.core.progress import Progress
from components.evaluation.explanations.explainer import Asked, Explainer, Explanation, coloured_parts
from components.evaluation.explanations.settings import ExplanationsConfig

if TYPE_CHECKING:
    from components.modeling.classifier import LoadedModel

__all__ = ["explain_worst_errors"]

_DIGITS = 6


def explain_worst_errors(
    model: "LoadedModel",
    documents: Sequence[Mapping[str, Any]],
    config: ExplanationsConfig,
    progress: Progress,
) -> list[dict[str, Any]]:
    """The documents of the heads, with explanations added to the first entries of `worst_errors`.

    Args:
        model: whose errors they are.
        documents: of the model's heads, in their order.
        config: how many, and how exactly.
        progress: told when it begins.

    Returns:
        The documents. An explained entry has `explained_label` (the wrong label, or the number that is far off),
        `tokens`: the whole text in parts, `[{text, value}]`, `context_tokens` likewise if the model read a context, and
        `explanation`: `{score, baseline_score, gap, complete, steps}`. Values are in the score's unit; 0 for what is
        no word and for what the model did not read.
    """
    outputs = {name: place for place, name in enumerate(model.config.labels)}
    chosen = [error for document in documents for error in document["worst_errors"][: config.errors]]
    if not chosen:
        return [dict(document) for document in documents]
    progress.update(f"explaining {len(chosen)} errors")
    asked = [
        Asked(error["text"], outputs[_wrong_output(error)], error.get("context", "")) for error in chosen
    ]
    explanations = iter(Explainer(model, max_steps=config.max_steps).explain(asked))
    explained = []
    for document in documents:
        errors = document["worst_errors"]
        first = [_with_explanation(error, next(explanations)) for error in errors[: config.errors]]
        explained.append({**document, "worst_errors": [*first, *errors[config.errors :]]})
    return explained


def _wrong_output(error: Mapping[str, Any]) -> str:
    name: str = error["target"] if "target" in error else error["label"]
    return name


def _with_explanation(error: Mapping[str, Any], explanation: Explanation) -> dict[str, Any]:
    def tokens(text: str, words: Any) -> list[dict[str, Any]]:
        return [
            {"text": part, "value": round(value or 0.0, _DIGITS)}
            for part, value in coloured_parts(text, words)
        ]

    return {
        **error,
        "explained_label": _wrong_output(error),
        "tokens": tokens(error["text"], explanation.words),
        **(
            {"context_tokens": tokens(error["context"], explanation.context_words)}
            if explanation.context_words
            else {}
        ),
        "explanation": {
            "score": round(explanation.score, _DIGITS),
            "baseline_score": round(explanation.baseline_score, _DIGITS),
            "gap": round(explanation.gap, _DIGITS),
            "complete": explanation.complete,
            "steps": explanation.steps,
        },
    }
