"""Classification metrics of multi-label decisions, from counts that add up over shards.

Definitions and conventions are scikit-learn's: a quotient 0/0 counts as 0 (`zero_division=0`), macro averages run
over all labels, micro averages over all decisions. All properties work on one set of counts as on many (the resamples
of a bootstrap).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluation.bootstrap import resample_sums

__all__ = ["Counts", "f1_of"]

_Floats = NDArray[np.float64]
_Numbers = NDArray[np.int64] | NDArray[np.float64]


@dataclass(frozen=True)
class Counts:
    """What all F1 metrics are made of; counts of disjoint rows add up (`+`).

    Attributes:
        true_positives: int64 or float64 [..., labels]: decided and labelled.
        false_positives: likewise: decided, not labelled.
        false_negatives: likewise: labelled, not decided.
        rows: texts counted.
    """

    true_positives: _Numbers
    false_positives: _Numbers
    false_negatives: _Numbers
    rows: int

    @classmethod
    def zero(cls, labels: int) -> "Counts":
        """The counts of no rows."""
        none = np.zeros(labels, np.int64)
        return cls(none, none, none, 0)

    @classmethod
    def of(cls, decisions: NDArray[Any], targets: NDArray[Any]) -> "Counts":
        """Counts decisions (bool or 0/1 [rows, labels]) against targets (the same shape)."""
        if decisions.ndim != 2 or decisions.shape != targets.shape:
            raise ValueError(
                f"decisions are {list(decisions.shape)}, targets {list(targets.shape)}; "
                "expected [rows, labels] twice"
            )
        decided, labelled = decisions.astype(np.bool_), targets.astype(np.bool_)
        true_positives = (decided & labelled).sum(axis=0)
        return cls(
            true_positives=true_positives,
            false_positives=decided.sum(axis=0) - true_positives,
            false_negatives=labelled.sum(axis=0) - true_positives,
            rows=len(decided),
        )

    @classmethod
    def resampled(
        cls, decisions: NDArray[Any], targets: NDArray[Any], *, resamples: int = 1000, seed: int = 0
    ) -> "Counts":
        """The counts of each resample of the rows, float64 [resamples, labels]; at least one row."""
        decided, labelled = decisions.astype(np.bool_), targets.astype(np.bool_)
        outcomes = (decided & labelled, decided & ~labelled, ~decided & labelled)
        marks = np.concatenate(outcomes, axis=1).astype(np.float32)
        sums = resample_sums(marks, resamples=resamples, seed=seed)
        true_positives, false_positives, false_negatives = np.split(sums, 3, axis=1)
        return cls(true_positives, false_positives, false_negatives, len(decided))

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.true_positives + other.true_positives,
            self.false_positives + other.false_positives,
            self.false_negatives + other.false_negatives,
            self.rows + other.rows,
        )

    @property
    def support(self) -> _Numbers:
        """[..., labels]: texts that have the label."""
        return self.true_positives + self.false_negatives

    @property
    def predicted(self) -> _Numbers:
        """[..., labels]: texts that are given the label."""
        return self.true_positives + self.false_positives

    @property
    def precision(self) -> _Floats:
        """float64 [..., labels], 0-1."""
        return _quotient(self.true_positives, self.predicted)

    @property
    def recall(self) -> _Floats:
        """float64 [..., labels], 0-1."""
        return _quotient(self.true_positives, self.support)

    @property
    def f1(self) -> _Floats:
        """float64 [..., labels], 0-1."""
        return f1_of(self.true_positives, self.false_positives, self.false_negatives)

    @property
    def macro_f1(self) -> Any:
        """Mean F1 of all labels, those that occur in no text included, [...]; NaN without rows."""
        return self._known(self.f1.mean(axis=-1))

    @property
    def micro_f1(self) -> Any:
        """F1 of all decisions together, [...]; NaN without rows."""
        counts = (self.true_positives, self.false_positives, self.false_negatives)
        return self._known(f1_of(*(count.sum(axis=-1) for count in counts)))

    @property
    def weighted_f1(self) -> Any:
        """Mean F1 weighted by support, [...]; NaN without rows, 0 if no text has a label."""
        weighted = (self.f1 * self.support).sum(axis=-1)
        return self._known(_quotient(weighted, self.support.sum(axis=-1)))

    @property
    def macro_jaccard(self) -> Any:
        """Mean Jaccard index of all labels, TP / (TP + FP + FN), [...]; NaN without rows."""
        either = self.true_positives + self.false_positives + self.false_negatives
        return self._known(_quotient(self.true_positives, either).mean(axis=-1))

    def _known(self, figure: Any) -> Any:
        return figure if self.rows else figure * np.nan


def f1_of(
    true_positives: NDArray[Any], false_positives: NDArray[Any], false_negatives: NDArray[Any]
) -> _Floats:
    """2 TP / (2 TP + FP + FN), elementwise; 0 where all three are 0."""
    return _quotient(2 * true_positives, 2 * true_positives + false_positives + false_negatives)


def _quotient(numerator: Any, denominator: Any) -> _Floats:
    quotient: _Floats = np.divide(
        numerator, denominator, out=np.zeros(np.shape(numerator)), where=np.asarray(denominator) != 0
    )
    return quotient
