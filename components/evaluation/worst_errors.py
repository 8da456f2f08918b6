"""The texts that a head is most wrong about: sure of a label that they do not have, or far off the right number."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluation.head_rows import HeadRows
from components.evaluation.labelled_texts import LabelledTexts

__all__ = ["worst_errors"]


def worst_errors(texts: LabelledTexts, rows: HeadRows, *, limit: int) -> list[dict[str, Any]]:
    """The worst errors, one a text, the worst first; ties in the order of the rows.

    Args:
        texts: what was scored.
        rows: what a head answered.
        limit: entries at most.

    Returns:
        `id`, `text` and, if something was said before it, `context`. Of labels: `expected` (names), `predicted` (names
        and scores, highest first), `label` and `score` of the wrong label. Of numbers: `target`, `expected`,
        `predicted`.
    """
    errors = _largest_errors(rows, limit) if rows.head.task == "regression" else _confident(rows, limit)
    return [{**_about(texts, int(rows.rows[row])), **error} for row, error in errors]


def _about(texts: LabelledTexts, row: int) -> dict[str, str]:
    context = texts.contexts[row] if texts.contexts is not None else ""
    return {
        "id": texts.ids[row],
        "text": texts.texts[row],
        **({"context": context} if context else {}),
    }


def _confident(rows: HeadRows, limit: int) -> list[tuple[int, dict[str, Any]]]:
    """The wrongly given labels with the highest scores.

    Missed labels do not compete: their scores are low by nature, and they stand in the same entry as `expected`.
    """
    labels = rows.head.outputs
    wrong = np.where(rows.decisions & (rows.targets == 0), rows.scores, -np.inf)
    given = wrong.argmax(axis=1)
    return [
        (
            row,
            {
                "expected": [labels[int(label)] for label in np.flatnonzero(rows.targets[row])],
                "predicted": _predicted(rows.scores[row], rows.decisions[row], labels),
                "label": labels[int(given[row])],
                "score": float(wrong[row, given[row]]),
            },
        )
        for row in _highest(wrong[np.arange(len(wrong)), given], limit)
    ]


def _largest_errors(rows: HeadRows, limit: int) -> list[tuple[int, dict[str, Any]]]:
    """The numbers that are farthest off, in standard deviations of the right ones, so that targets compare."""
    spread = rows.targets.std(axis=0)
    off = np.abs(rows.scores - rows.targets) / np.where(spread > 0, spread, 1)
    worst = off.argmax(axis=1)
    return [
        (
            row,
            {
                "target": rows.head.outputs[int(worst[row])],
                "expected": float(rows.targets[row, worst[row]]),
                "predicted": float(rows.scores[row, worst[row]]),
            },
        )
        for row in _highest(off[np.arange(len(off)), worst], limit)
    ]


def _highest(values: NDArray[np.float32], limit: int) -> list[int]:
    """Positions of the highest finite values, highest first."""
    return [int(row) for row in np.argsort(-values, kind="stable")[:limit] if np.isfinite(values[row])]


def _predicted(
    scores: NDArray[np.float32], decisions: NDArray[np.bool_], labels: Sequence[str]
) -> list[dict[str, Any]]:
    given = sorted(np.flatnonzero(decisions).tolist(), key=lambda label: (-scores[label], label))
    return [{"label": labels[label], "score": float(scores[label])} for label in given]
