"""How alike two models answer: scores and the decisions that follow from them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tflite.heads import Head, columns, decide, units

__all__ = ["Parity", "compare"]


@dataclass(frozen=True)
class Parity:
    """How far scores are from those of the reference.

    Differences are of probabilities, and of regression targets in units of the target's standard deviation.

    Attributes:
        max_abs_difference: over all rows and outputs; infinite if any score is not a number.
        decision_agreement: share of decisions that are the same, 0-1; None if nothing is decided. A text's label is a
            decision in a multi-label head; a single-label or ordinal head decides once a text.
        row_agreement: share of rows all of whose decisions are the same, 0-1.
        target_rms_difference: root mean square difference of the regression target that has the largest; None without
            such targets, infinite if any of their scores is not a number.
        rows: how many were compared.
        worst: (row, its largest difference) of the rows that differ most, largest first.
    """

    max_abs_difference: float
    decision_agreement: float | None
    row_agreement: float
    target_rms_difference: float | None
    rows: int
    worst: tuple[tuple[int, float], ...]


def compare(
    heads: Sequence[Head],
    reference_scores: npt.ArrayLike,
    scores: npt.ArrayLike,
    thresholds: Sequence[float],
    *,
    worst: int = 10,
) -> Parity:
    """Compares the scores of two models for the same texts.

    Args:
        heads: of both models.
        reference_scores: float [rows, outputs], of the model that is right by definition.
        scores: float [rows, outputs], of the model in question.
        thresholds: by column, probability from which a label of a multi-label head applies.
        worst: how many rows to name.

    Raises:
        ValueError: the shapes do not fit, or there is no row: nothing compared is nothing proven.
    """
    expected, actual = np.asarray(reference_scores, np.float32), np.asarray(scores, np.float32)
    outputs = sum(len(head.outputs) for head in heads)
    if expected.ndim != 2 or not expected.shape == actual.shape == (len(expected), outputs):
        raise ValueError(
            f"expected two score arrays [rows, {outputs}] of one shape; got {expected.shape} and {actual.shape}"
        )
    if len(thresholds) != outputs:
        raise ValueError(f"expected {outputs} thresholds, one a column; got {len(thresholds)}")
    if expected.size == 0:
        raise ValueError("expected at least one row to compare; got none")
    differences = np.abs(expected.astype(np.float64) - actual) / units(heads)
    differences = np.where(np.isfinite(differences), differences, np.inf)
    same = decide(heads, expected, thresholds) == decide(heads, actual, thresholds)
    same &= np.isfinite(differences)
    by_row = differences.max(axis=1)
    decisions = [decision for head, own in columns(heads) for decision in _decisions(head, same[:, own])]
    targets = [differences[:, own] for head, own in columns(heads) if head.is_regression]
    order = np.argsort(-by_row, kind="stable")[:worst]
    return Parity(
        max_abs_difference=float(by_row.max()),
        decision_agreement=float(np.mean(decisions)) if decisions else None,
        row_agreement=float(np.all(decisions, axis=0).mean()) if decisions else 1.0,
        target_rms_difference=max(map(_largest_rms, targets), default=None),
        rows=len(expected),
        worst=tuple((int(row), float(by_row[row])) for row in order),
    )


def _decisions(head: Head, same: npt.NDArray[np.bool_]) -> list[npt.NDArray[np.bool_]]:
    """Whether each decision of a head is the same, bool [rows] each, from that of its columns, bool [rows, outputs]."""
    if head.is_regression:
        return []
    return list(same.T) if head.task == "multi_label" else [np.asarray(same.all(axis=1))]


def _largest_rms(differences: npt.NDArray[np.float64]) -> float:
    return float(np.sqrt(np.square(differences).mean(axis=0)).max())
