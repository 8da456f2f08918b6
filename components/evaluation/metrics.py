"""Classification metrics of multi-label decisions, from counts that add up over shards.

Definitions and conventions are scikit-learn's: a quotient 0/0 counts as 0 (`zero_division=0`), macro averages run
over all labels, micro averages over all decisions.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Counts", "average_precision", "f1_of"]

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Counts:
    """What all F1 metrics are made of; counts of disjoint rows add up (`+`).

    Attributes:
        true_positives: int64 [labels]: decided and labelled.
        false_positives: int64 [labels]: decided, not labelled.
        false_negatives: int64 [labels]: labelled, not decided.
        rows: texts counted.
        exact_rows: texts of which every label is right.
    """

    true_positives: NDArray[np.int64]
    false_positives: NDArray[np.int64]
    false_negatives: NDArray[np.int64]
    rows: int
    exact_rows: int

    @classmethod
    def zero(cls, labels: int) -> "Counts":
        """The counts of no rows."""
        none = np.zeros(labels, np.int64)
        return cls(none, none, none, 0, 0)

    @classmethod
    def of(cls, decisions: NDArray[Any], targets: NDArray[Any]) -> "Counts":
        """Counts decisions (bool or 0/1 [rows, labels]) against targets (the same shape)."""
        if decisions.ndim != 2 or decisions.shape != targets.shape:
            raise ValueError(
                f"decisions are {list(decisions.shape)}, targets {list(targets.shape)}; "
                "expected [rows, labels] twice"
            )
        decided, labelled = decisions.astype(np.bool_), targets.astype(np.bool_)
        return cls(
            true_positives=np.count_nonzero(decided & labelled, axis=0).astype(np.int64),
            false_positives=np.count_nonzero(decided & ~labelled, axis=0).astype(np.int64),
            false_negatives=np.count_nonzero(~decided & labelled, axis=0).astype(np.int64),
            rows=len(decided),
            exact_rows=int(np.count_nonzero((decided == labelled).all(axis=1))),
        )

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.true_positives + other.true_positives,
            self.false_positives + other.false_positives,
            self.false_negatives + other.false_negatives,
            self.rows + other.rows,
            self.exact_rows + other.exact_rows,
        )

    @property
    def support(self) -> NDArray[np.int64]:
        """int64 [labels]: texts that have the label."""
        return self.true_positives + self.false_negatives

    @property
    def predicted(self) -> NDArray[np.int64]:
        """int64 [labels]: texts that are given the label."""
        return self.true_positives + self.false_positives

    @property
    def precision(self) -> _Floats:
        """float64 [labels], 0-1."""
        return _quotient(self.true_positives, self.predicted)

    @property
    def recall(self) -> _Floats:
        """float64 [labels], 0-1."""
        return _quotient(self.true_positives, self.support)

    @property
    def f1(self) -> _Floats:
        """float64 [labels], 0-1."""
        return f1_of(self.true_positives, self.false_positives, self.false_negatives)

    @property
    def macro_f1(self) -> float:
        """Mean F1 of all labels, those that occur in no text included; NaN without rows."""
        return float(self.f1.mean()) if self.rows else float("nan")

    @property
    def micro_f1(self) -> float:
        """F1 of all decisions together; NaN without rows."""
        if not self.rows:
            return float("nan")
        totals = (self.true_positives.sum(), self.false_positives.sum(), self.false_negatives.sum())
        return float(f1_of(*map(np.asarray, totals)))

    @property
    def weighted_f1(self) -> float:
        """Mean F1 weighted by support; NaN without rows, 0 if no text has a label."""
        if not self.rows:
            return float("nan")
        total = self.support.sum()
        return float(self.f1 @ self.support / total) if total else 0.0

    @property
    def subset_accuracy(self) -> float:
        """Share of texts of which every label is right; NaN without rows."""
        return self.exact_rows / self.rows if self.rows else float("nan")


def f1_of(
    true_positives: NDArray[Any], false_positives: NDArray[Any], false_negatives: NDArray[Any]
) -> _Floats:
    """2 TP / (2 TP + FP + FN), elementwise; 0 where all three are 0."""
    return _quotient(2 * true_positives, 2 * true_positives + false_positives + false_negatives)


def average_precision(scores: NDArray[Any], targets: NDArray[Any]) -> _Floats:
    """Area under the precision-recall steps of each label, without interpolation.

    Args:
        scores: float [rows, labels], any scale.
        targets: 0 or 1 [rows, labels].

    Returns:
        float64 [labels], 0-1; NaN where a label has no positive.
    """
    return np.array([_average_precision(*column) for column in zip(scores.T, targets.T, strict=True)])


def _average_precision(scores: NDArray[Any], targets: NDArray[Any]) -> float:
    """Sum over distinct scores, highest first, of precision there x recall gained there."""
    positives = np.count_nonzero(targets)
    if not positives:
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    hits = np.cumsum(targets[order] != 0)[ends]
    return float(np.sum(np.diff(hits, prepend=0) * hits / (ends + 1)) / positives)


def _quotient(numerator: NDArray[Any], denominator: NDArray[Any]) -> _Floats:
    quotient: _Floats = np.divide(
        numerator, denominator, out=np.zeros(np.shape(numerator)), where=denominator != 0
    )
    return quotient
