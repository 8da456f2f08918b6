"""Totals of a head of which any number of labels applies."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluation.accumulators.ranking import Rankings
from components.evaluation.accumulators.row_figures import ROW_FIGURES, row_figures
from components.evaluation.head_rows import HeadRows
from components.evaluation.metrics import Counts

__all__ = ["MultiLabelTotals"]


@dataclass
class MultiLabelTotals:
    """Accumulates what all metrics of decisions and scores are made of.

    Attributes:
        labels: how many.
        rows: how many were taken.
        together: int64 [labels, labels], texts that have both labels.
        given: int64 [labels, labels], texts that have the row's label and are given the column's.
        predicted: int64 [labels], texts that are given the label.
        row_sums: float64 [5], sums of `row_figures`.
        rankings: of the scores.
    """

    labels: int
    rows: int = 0
    together: NDArray[np.int64] = field(init=False)
    given: NDArray[np.int64] = field(init=False)
    predicted: NDArray[np.int64] = field(init=False)
    row_sums: NDArray[np.float64] = field(init=False)
    rankings: Rankings = field(init=False)

    def __post_init__(self) -> None:
        self.together = np.zeros((self.labels, self.labels), np.int64)
        self.given = np.zeros((self.labels, self.labels), np.int64)
        self.predicted = np.zeros(self.labels, np.int64)
        self.row_sums = np.zeros(len(ROW_FIGURES))
        self.rankings = Rankings(self.labels)

    def add(self, rows: HeadRows) -> None:
        """Takes what a multi-label head answered."""
        self.rows += len(rows)
        self._count(rows)
        self.row_sums += row_figures(rows.scores, rows.decisions, rows.targets).sum(axis=0)
        self.rankings.add(rows.scores, rows.targets)

    def merge(self, other: "MultiLabelTotals") -> None:
        """Adds what `other` has taken."""
        self.rows += other.rows
        self.together += other.together
        self.given += other.given
        self.predicted += other.predicted
        self.row_sums += other.row_sums
        self.rankings.merge(other.rankings)

    def compact(self) -> None:
        """Makes it as small as it can be sent."""
        self.rankings.compact()

    @property
    def counts(self) -> Counts:
        """Of the decisions."""
        right = np.diagonal(self.given)
        return Counts(right, self.predicted - right, np.diagonal(self.together) - right, self.rows)

    def _count(self, rows: HeadRows) -> None:
        labelled, decided = _packed(rows.targets), _packed(rows.decisions)
        self.predicted += np.bitwise_count(decided).sum(axis=1, dtype=np.int64)
        for label, texts in enumerate(labelled):
            self.together[label] += np.bitwise_count(texts & labelled).sum(axis=1, dtype=np.int64)
            self.given[label] += np.bitwise_count(texts & decided).sum(axis=1, dtype=np.int64)


def _packed(marks: NDArray[Any]) -> NDArray[np.uint64]:
    """A bit for each text, uint64 [labels, words], of 0 or 1 [rows, labels].

    What two labels share is counted 64 texts at a time, as fast as by a product of matrices and without its threads.
    """
    by_label = np.packbits(np.ascontiguousarray(marks.T).astype(np.bool_), axis=1)
    missing = -by_label.shape[1] % 8
    return np.pad(by_label, ((0, 0), (0, missing))).view(np.uint64)
