"""The texts on which the model is most sure of a label that they do not have."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluation.labelled_texts import LabelledTexts
from components.evaluation.scoring import Answers

__all__ = ["most_confident_errors"]


def most_confident_errors(
    texts: LabelledTexts, answers: Answers, labels: Sequence[str], *, limit: int
) -> list[dict[str, Any]]:
    """The wrongly given labels with the highest scores, one a text, highest first; ties in the order of the rows.

    Missed labels do not compete: their scores are low by nature, and they stand in the same entry as `expected`.

    Args:
        texts: what was scored.
        answers: scores and decisions of the same rows.
        labels: names.
        limit: entries at most.

    Returns:
        `id`, `text`, `expected` (names), `predicted` (names and scores, highest first), `label` and `score` of the
        wrong label.
    """
    wrong = np.where(answers.decisions & (texts.targets == 0), answers.scores, -np.inf)
    columns = wrong.argmax(axis=1)
    highest = wrong[np.arange(len(wrong)), columns]
    rows = [int(row) for row in np.argsort(-highest, kind="stable")[:limit] if np.isfinite(highest[row])]
    return [
        {
            "id": texts.ids[row],
            "text": texts.texts[row],
            "expected": [labels[int(label)] for label in np.flatnonzero(texts.targets[row])],
            "predicted": _predicted(answers.scores[row], answers.decisions[row], labels),
            "label": labels[int(columns[row])],
            "score": float(highest[row]),
        }
        for row in rows
    ]


def _predicted(
    scores: NDArray[np.float32], decisions: NDArray[np.bool_], labels: Sequence[str]
) -> list[dict[str, Any]]:
    given = sorted(np.flatnonzero(decisions).tolist(), key=lambda label: (-scores[label], label))
    return [{"label": labels[label], "score": float(scores[label])} for label in given]
