"""Asking a model about all texts of a part of the evaluation at once."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from components.core.progress import Progress
from components.evaluation.behaviour.probes import Answer

if TYPE_CHECKING:
    from components.modeling.classifier import LoadedModel

__all__ = ["Pair", "score_pairs"]

Pair: TypeAlias = tuple[str, str]
"""A text, and what was said before it ("" for nothing)."""

_PAIRS_BETWEEN_REPORTS = 1024


def score_pairs(
    model: "LoadedModel", pairs: Iterable[Pair], *, batch_size: int, progress: Progress, message: str
) -> dict[Pair, Answer]:
    """What the model says of each text; equal ones are asked once, and those of like length together.

    Args:
        model: what is asked.
        pairs: texts with their contexts.
        batch_size: texts scored at a time.
        progress: told `message` and how far it is.
        message: what is being done.
    """
    unique = sorted(dict.fromkeys(pairs), key=lambda pair: len(pair[0]) + len(pair[1]))
    answers: dict[Pair, Answer] = {}
    for start in range(0, len(unique), _PAIRS_BETWEEN_REPORTS):
        progress.update(message, completed=start, total=len(unique))
        chunk = unique[start : start + _PAIRS_BETWEEN_REPORTS]
        texts, contexts = zip(*chunk, strict=True)
        scores = model.scores(texts, batch_size=batch_size, contexts=contexts)
        found = map(Answer, scores, model.decide(scores))
        answers.update(zip(chunk, found, strict=True))
    progress.update(message, completed=len(unique), total=len(unique))
    return answers
