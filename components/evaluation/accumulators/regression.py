"""Totals of a head that answers numbers."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from components.evaluation.accumulators.rank_correlation import RankCorrelation
from components.evaluation.agreement import Agreement
from components.evaluation.head_rows import HeadRows

__all__ = ["RegressionTotals", "numbers"]


@dataclass
class RegressionTotals:
    """Accumulates what all metrics of numbers are made of.

    Attributes:
        targets: how many.
        agreement: of the numbers.
        ranks: of their ranks.
    """

    targets: int
    agreement: Agreement = field(init=False)
    ranks: RankCorrelation = field(init=False)

    def __post_init__(self) -> None:
        self.agreement = Agreement.zero(self.targets)
        self.ranks = RankCorrelation(self.targets)

    @property
    def rows(self) -> int:
        """How many were taken."""
        return self.agreement.rows

    def add(self, rows: HeadRows) -> None:
        """Takes what a regression head answered."""
        if len(rows):
            predicted = numbers(rows)
            self.agreement += Agreement.of(predicted, rows.targets)
            self.ranks.add(predicted, rows.targets)

    def merge(self, other: "RegressionTotals") -> None:
        """Adds what `other` has taken."""
        self.agreement += other.agreement
        self.ranks.merge(other.ranks)

    def compact(self) -> None:
        """It always is as small as it can be sent."""


def numbers(rows: HeadRows) -> NDArray[np.float32]:
    """What was predicted, NaN for infinity: NaN spreads to every figure that it is in, without warnings."""
    return np.where(np.isfinite(rows.scores), rows.scores, np.float32(np.nan))
