"""Texts of which two models decide differently."""

from collections.abc import Sequence
from math import exp, lgamma, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluation.head_rows import HeadRows
from pipeline.comparison.answers import EvaluatedRun

__all__ = ["flips", "mcnemar"]


def flips(run: EvaluatedRun, rows: HeadRows, before: HeadRows, *, shown: int) -> dict[str, Any]:
    """How many texts are decided rightly now that were not, and the other way round.

    A text is right if all of its labels are.

    Args:
        run: holds the texts.
        rows: what the later model answered.
        before: the same rows as the earlier model answered them.
        shown: texts at most of each direction, those whose scores moved most.

    Returns:
        `texts` and `changed` (rows with another decision), `right_to_wrong`, `wrong_to_right`, `p` (of McNemar's exact
        test that both are as likely), `labels` (`label`, `right_to_wrong`, `wrong_to_right`, `p`, of single decisions),
        and `examples` (`direction`, `id`, `text`, `right`, `before`, `after`: names of labels).
    """
    truth = rows.targets.astype(np.bool_)
    right_before, right_after = before.decisions == truth, rows.decisions == truth
    broken, mended = right_before & ~right_after, ~right_before & right_after
    text_broken = right_before.all(axis=1) & ~right_after.all(axis=1)
    text_mended = ~right_before.all(axis=1) & right_after.all(axis=1)
    moved = np.abs(rows.scores - before.scores).max(axis=1)
    labels = rows.head.outputs
    examples = [
        {
            "direction": direction,
            "id": str(run.ids[rows.rows[row]]),
            "text": run.texts[rows.rows[row]],
            "right": _names(labels, truth[row]),
            "before": _names(labels, before.decisions[row]),
            "after": _names(labels, rows.decisions[row]),
        }
        for direction, chosen in (("right_to_wrong", text_broken), ("wrong_to_right", text_mended))
        for row in _farthest(moved, chosen, shown)
    ]
    return {
        "texts": len(rows),
        "changed": int((before.decisions != rows.decisions).any(axis=1).sum()),
        **_counted(int(text_broken.sum()), int(text_mended.sum())),
        "labels": [
            {"label": label, **_counted(lost, won)}
            for label, lost, won in zip(
                labels, broken.sum(axis=0).tolist(), mended.sum(axis=0).tolist(), strict=True
            )
            if lost or won
        ],
        "examples": examples,
    }


def _counted(broken: int, mended: int) -> dict[str, Any]:
    return {"right_to_wrong": broken, "wrong_to_right": mended, "p": mcnemar(broken, mended)}


def mcnemar(broken: int, mended: int) -> float:
    """Two-sided exact p that of the pairs that differ as many go one way as the other (McNemar, 1947; binomial)."""
    total, fewer = broken + mended, min(broken, mended)
    if broken == mended:
        return 1.0
    terms = (
        exp(lgamma(total + 1) - lgamma(k + 1) - lgamma(total - k + 1) - total * log(2))
        for k in range(fewer + 1)
    )
    return min(1.0, 2 * sum(terms))


def _farthest(moved: NDArray[np.float32], chosen: NDArray[np.bool_], shown: int) -> list[int]:
    rows = np.flatnonzero(chosen)
    return [int(row) for row in rows[np.argsort(-moved[rows], kind="stable")][:shown]]


def _names(labels: Sequence[str], marks: NDArray[np.bool_]) -> list[str]:
    return [labels[int(place)] for place in np.flatnonzero(marks)]
