"""Classification metrics of one decision a text, all from the confusion matrix.

Definitions and conventions are scikit-learn's: a quotient 0/0 counts as 0. All properties work on one matrix as on
many (the resamples of a bootstrap).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluation.bootstrap import resample_sums
from components.evaluation.metrics import f1_of

__all__ = ["Confusion"]

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Confusion:
    """How often each label was decided where each was right.

    Attributes:
        counts: float64 [..., labels, labels]: texts by right label, then by decided label. Of ordinal labels both
            ascend.
    """

    counts: _Floats

    @classmethod
    def of(cls, right: NDArray[np.int64], decided: NDArray[np.int64], *, labels: int) -> "Confusion":
        """Counts positions of labels, int64 [rows] both."""
        cells = np.bincount(right * labels + decided, minlength=labels**2)
        return cls(cells.reshape(labels, labels).astype(np.float64))

    @classmethod
    def resampled(
        cls, right: NDArray[np.int64], decided: NDArray[np.int64], *, labels: int, resamples: int, seed: int
    ) -> "Confusion":
        """One matrix for each resample of the rows, [resamples, labels, labels]; at least one row."""
        cells, cell_of_row = np.unique(right * labels + decided, return_inverse=True)
        marks = np.zeros((len(right), len(cells)), np.float32)
        marks[np.arange(len(right)), cell_of_row] = 1
        counts = np.zeros((resamples, labels**2))
        counts[:, cells] = resample_sums(marks, resamples=resamples, seed=seed)
        return cls(counts.reshape(resamples, labels, labels))

    def __add__(self, other: "Confusion") -> "Confusion":
        return Confusion(self.counts + other.counts)

    @property
    def rows(self) -> Any:
        """Texts, [...]."""
        return self.counts.sum(axis=(-2, -1))

    @property
    def support(self) -> _Floats:
        """Texts by right label, [..., labels]."""
        support: _Floats = self.counts.sum(axis=-1)
        return support

    @property
    def predicted(self) -> _Floats:
        """Texts by decided label, [..., labels]."""
        predicted: _Floats = self.counts.sum(axis=-2)
        return predicted

    @property
    def hits(self) -> _Floats:
        """Texts decided right, by label, [..., labels]."""
        return np.diagonal(self.counts, axis1=-2, axis2=-1)

    @property
    def precision(self) -> _Floats:
        """[..., labels], 0-1."""
        return _quotient(self.hits, self.predicted)

    @property
    def recall(self) -> _Floats:
        """[..., labels], 0-1."""
        return _quotient(self.hits, self.support)

    @property
    def f1(self) -> _Floats:
        """[..., labels], 0-1."""
        return f1_of(self.hits, self.predicted - self.hits, self.support - self.hits)

    @property
    def accuracy(self) -> Any:
        """Share of texts decided right, [...]; it is micro-F1, too."""
        return _quotient(self.hits.sum(axis=-1), self.rows)

    @property
    def macro_f1(self) -> Any:
        """Mean F1 of all labels, those that are never right included, [...]."""
        return self.f1.mean(axis=-1)

    @property
    def weighted_f1(self) -> Any:
        """Mean F1 weighted by support, [...]."""
        return _quotient((self.f1 * self.support).sum(axis=-1), self.rows)

    @property
    def balanced_accuracy(self) -> Any:
        """Mean recall of the labels that are right somewhere, [...]."""
        occurring = (self.support > 0).sum(axis=-1)
        return _quotient(self.recall.sum(axis=-1), occurring)

    @property
    def quadratic_kappa(self) -> Any:
        """Cohen's kappa with squared distances of ranks as weights (Cohen, 1968), [...].

        1 = all right, 0 = as good as chance; 0 where only one label occurs on both sides.
        """
        return self._weighted_kappa(self._rank_distances() ** 2)

    @property
    def kappa(self) -> Any:
        """Cohen's kappa (Cohen, 1960), [...]: 1 = all right, 0 = as good as chance, or only one label occurs."""
        return self._weighted_kappa(np.sign(self._rank_distances()))

    @property
    def rank_error(self) -> Any:
        """Mean distance of the decided rank from the right one, in ranks, [...]."""
        return _quotient((self._rank_distances() * self.counts).sum(axis=(-2, -1)), self.rows)

    def _weighted_kappa(self, weights: _Floats) -> Any:
        by_chance = self.support[..., :, np.newaxis] * self.predicted[..., np.newaxis, :]
        expected = (weights * by_chance).sum(axis=(-2, -1))
        observed = (weights * self.counts).sum(axis=(-2, -1)) * self.rows
        return np.where(expected > 0, 1 - _quotient(observed, expected), 0.0)

    def _rank_distances(self) -> _Floats:
        ranks = np.arange(self.counts.shape[-1], dtype=np.float64)
        return np.abs(ranks[:, np.newaxis] - ranks)


def _quotient(numerator: Any, denominator: Any) -> _Floats:
    quotient: _Floats = np.divide(
        numerator, denominator, out=np.zeros(np.shape(numerator)), where=np.asarray(denominator) != 0
    )
    return quotient
