"""Totals of every head of a model, batch by batch: create, add, merge, and extract as `measure_totals` does."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from components.evaluation.accumulators.multi_label import MultiLabelTotals
from components.evaluation.accumulators.regression import RegressionTotals
from components.evaluation.accumulators.single_label import SingleLabelTotals
from components.evaluation.head_rows import HeadRows, split_by_head
from components.evaluation.scoring import Answers
from components.modeling.heads import Head, decide

__all__ = ["HeadTotals", "ModelTotals", "create_totals"]


class HeadTotals(Protocol):
    """Totals of the rows of one head; those of disjoint rows merge, in any order, to those of all."""

    @property
    def rows(self) -> int:
        """How many were taken."""

    def add(self, rows: HeadRows) -> None:
        """Takes some rows."""

    def merge(self, other: Any) -> None:
        """Adds what another one of the same head has taken, which may then not be used any more."""

    def compact(self) -> None:
        """Makes it as small as it can be sent."""


def create_totals(head: Head) -> HeadTotals:
    """Totals of no rows of a head."""
    match head.task:
        case "multi_label":
            return MultiLabelTotals(len(head.outputs))
        case "regression":
            return RegressionTotals(len(head.outputs))
        case _:
            return SingleLabelTotals(len(head.outputs))


@dataclass
class ModelTotals:
    """Totals of all heads of a model.

    Attributes:
        heads: of the model.
        thresholds: by output.
        rows: how many were taken.
        by_head: totals of those rows that a head knows, in the order of the heads.
    """

    heads: Sequence[Head]
    thresholds: Sequence[float]
    rows: int = 0
    by_head: list[HeadTotals] = field(init=False)

    def __post_init__(self) -> None:
        self.by_head = [create_totals(head) for head in self.heads]

    def add(self, scores: NDArray[np.float32], targets: NDArray[np.float32]) -> None:
        """Takes scores and what is known (NaN = unknown), [rows, outputs] both; each head the rows that it knows."""
        self.rows += len(scores)
        answers = Answers(scores, decide(self.heads, scores, self.thresholds))
        parts = split_by_head(self.heads, answers, targets, self.thresholds)
        for totals, part in zip(self.by_head, parts, strict=True):
            totals.add(part)

    def merge(self, other: "ModelTotals") -> None:
        """Adds what `other` has taken."""
        self.rows += other.rows
        for ours, theirs in zip(self.by_head, other.by_head, strict=True):
            ours.merge(theirs)

    def compact(self) -> None:
        """Makes it as small as it can be sent."""
        for totals in self.by_head:
            totals.compact()
