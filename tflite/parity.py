"""How alike two models answer: scores and the decisions that follow from them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Parity", "compare"]


@dataclass(frozen=True)
class Parity:
    """How far scores are from those of the reference.

    Attributes:
        max_abs_difference: of probabilities, over all rows and labels; infinite if any score is not a number.
        decision_agreement: share of label decisions (rows times labels) that are the same, 0-1.
        row_agreement: share of rows all of whose decisions are the same, 0-1.
        rows: how many were compared.
        worst: (row, its largest difference) of the rows that differ most, largest first.
    """

    max_abs_difference: float
    decision_agreement: float
    row_agreement: float
    rows: int
    worst: tuple[tuple[int, float], ...]


def compare(
    reference_scores: npt.ArrayLike, scores: npt.ArrayLike, thresholds: npt.ArrayLike, *, worst: int = 10
) -> Parity:
    """Compares the scores of two models for the same texts.

    Args:
        reference_scores: float [rows, labels], probabilities of the model that is right by definition.
        scores: float [rows, labels], probabilities of the model in question.
        thresholds: float [labels], probability from which a label applies.
        worst: how many rows to name.

    Raises:
        ValueError: the shapes do not fit, or there is no row: nothing compared is nothing proven.
    """
    expected, actual = np.asarray(reference_scores, np.float32), np.asarray(scores, np.float32)
    limits = np.asarray(thresholds, np.float32)
    if expected.ndim != 2 or expected.shape != actual.shape or limits.shape != expected.shape[1:]:
        raise ValueError(
            "expected two score arrays [rows, labels] of one shape and thresholds [labels]; "
            f"got {expected.shape}, {actual.shape} and {limits.shape}"
        )
    if expected.size == 0:
        raise ValueError("expected at least one row to compare; got none")
    differences = np.abs(expected.astype(np.float64) - actual)
    by_row = np.where(np.isfinite(differences), differences, np.inf).max(axis=1)
    same = (expected >= limits) == (actual >= limits)
    same &= np.isfinite(differences)
    order = np.argsort(-by_row, kind="stable")[:worst]
    return Parity(
        max_abs_difference=float(by_row.max()),
        decision_agreement=float(same.mean()),
        row_agreement=float(same.all(axis=1).mean()),
        rows=len(expected),
        worst=tuple((int(row), float(by_row[row])) for row in order),
    )
