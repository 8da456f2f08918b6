"""Asking a model about the texts of a split."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from components.core.progress import Progress
from components.evaluation.labelled_texts import LabelledTexts

if TYPE_CHECKING:
    from components.modeling.classifier import LoadedModel

__all__ = ["Answers", "score_texts"]

_TEXTS_BETWEEN_REPORTS = 1024


@dataclass(frozen=True)
class Answers:
    """What a model says of every text.

    Attributes:
        scores: float32 [rows, outputs], probabilities 0-1 of labels, numbers of a regression head.
        decisions: bool [rows, outputs], what they mean by the model's own thresholds.
    """

    scores: NDArray[np.float32]
    decisions: NDArray[np.bool_]


def score_texts(
    model: "LoadedModel", texts: LabelledTexts, *, batch_size: int, progress: Progress, message: str
) -> Answers:
    """Scores the raw texts as a user would send them, and decides by the model's own thresholds.

    A model of two segments is told what was said before.
    """
    total = len(texts.texts)
    parts = []
    for start in range(0, total, _TEXTS_BETWEEN_REPORTS):
        progress.update(message, completed=start, total=total)
        chunk = slice(start, start + _TEXTS_BETWEEN_REPORTS)
        contexts = None if texts.contexts is None else texts.contexts[chunk]
        parts.append(model.scores(texts.texts[chunk], batch_size=batch_size, contexts=contexts))
    progress.update(message, completed=total, total=total)
    scores = np.concatenate(parts)
    return Answers(scores, model.decide(scores))
