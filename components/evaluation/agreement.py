"""How well predicted numbers agree with the right ones.

From sums over rows, so that all properties work on the rows as on their resamples. Definitions are those of SciPy and
scikit-learn; a correlation with a constant counts as 0, and with a prediction that is no number as NaN.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluation.bootstrap import resample_sums

__all__ = ["SUMS", "Agreement", "products", "spearman"]

_Floats = NDArray[np.float64]
SUMS = 7
"""How many numbers `products` has for each target."""

_ROUNDING = 1e-12
"""Share of the squares below which a variance is taken for rounding of none."""


@dataclass(frozen=True)
class Agreement:
    """Sums over rows, of numbers from which the mean of the right ones was taken.

    Attributes:
        sums: float64 [..., targets, 7]: rows, predicted, right, predicted squared, right squared, predicted times
            right, absolute difference.
    """

    sums: _Floats

    @classmethod
    def of(cls, predicted: NDArray[Any], right: NDArray[Any]) -> "Agreement":
        """Sums up numbers, [rows, targets] both; at least one row."""
        return cls(products(predicted, right).sum(axis=0))

    @classmethod
    def resampled(
        cls, predicted: NDArray[Any], right: NDArray[Any], *, resamples: int, seed: int
    ) -> "Agreement":
        """Sums for each resample of the rows, [resamples, targets, 7]."""
        flat = products(predicted, right).reshape(len(right), -1)
        sums = resample_sums(flat, resamples=resamples, seed=seed)
        return cls(sums.reshape(resamples, -1, SUMS))

    @property
    def pearson(self) -> _Floats:
        """Pearson's correlation, -1 to 1, [..., targets]."""
        spread = np.sqrt(self._variance(3, 1) * self._variance(4, 2))
        return _quotient(self._covariance, spread)

    @property
    def ccc(self) -> _Floats:
        """Concordance correlation (Lin, 1989), -1 to 1: bias and other spread count against it, [..., targets]."""
        apart = (self._mean(1) - self._mean(2)) ** 2
        return _quotient(2 * self._covariance, self._variance(3, 1) + self._variance(4, 2) + apart)

    @property
    def mae(self) -> _Floats:
        """Mean absolute error in the unit of the data, [..., targets]."""
        return self._mean(6)

    @property
    def rmse(self) -> _Floats:
        """Root of the mean squared error in the unit of the data, [..., targets]."""
        return np.sqrt(np.maximum(0.0, self._mean(3) - 2 * self._mean(5) + self._mean(4)))

    @property
    def _covariance(self) -> _Floats:
        return self._mean(5) - self._mean(1) * self._mean(2)

    def _variance(self, squares: int, numbers: int) -> _Floats:
        variance = self._mean(squares) - self._mean(numbers) ** 2
        return np.where(variance <= _ROUNDING * self._mean(squares), 0.0, variance)

    def _mean(self, column: int) -> _Floats:
        mean: _Floats = self.sums[..., column] / self.sums[..., 0]
        return mean


def spearman(predicted: NDArray[Any], right: NDArray[Any]) -> _Floats:
    """Spearman's rank correlation of each target, float64 [targets]; equal numbers share their mean rank."""
    ranks = [
        np.stack([_ranks(column) for column in np.asarray(values).T], axis=1) for values in (predicted, right)
    ]
    return Agreement.of(*ranks).pearson


def _ranks(values: NDArray[Any]) -> _Floats:
    """Ranks from 1; all NaN if one of the values is no number."""
    if np.isnan(values).any():
        return np.full(len(values), np.nan)
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    means: _Floats = ends - (counts - 1) / 2
    return means[place]


def products(predicted: NDArray[Any], right: NDArray[Any]) -> _Floats:
    """What `Agreement.sums` adds up, float64 [rows, targets, 7]; centred, as squares of large numbers lose digits."""
    centre = right.astype(np.float64).mean(axis=0)
    x, y = predicted.astype(np.float64) - centre, right.astype(np.float64) - centre
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y, np.abs(x - y)], axis=-1)


def _quotient(numerator: _Floats, denominator: _Floats) -> _Floats:
    quotient: _Floats = np.divide(
        numerator, denominator, out=np.zeros(np.shape(numerator)), where=denominator > 0
    )
    return np.where(np.isnan(denominator), np.nan, quotient)
