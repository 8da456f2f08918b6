"""How well predicted numbers agree with the right ones.

From sums over rows that add up over shards, so that all properties work on the rows as on their resamples. Definitions
are those of SciPy and scikit-learn; a correlation with a constant counts as 0, and with a prediction that is no number
as NaN. `accumulators.rank_correlation` has the correlation of ranks, which no sums give.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluation.bootstrap import resample_sums

__all__ = ["SUMS", "Agreement", "products"]

_Floats = NDArray[np.float64]
SUMS = 8
"""How many numbers `products` has for each target."""

_ROUNDING = 1e-12
"""Share of the squares below which a variance is taken for rounding of none."""
_CENTRE_ROUNDING = 1e-28
"""Likewise, share of the squared centre that was taken off; variances of float32 numbers are far above it."""


@dataclass(frozen=True)
class Agreement:
    """Sums over rows, of numbers less a centre, as squares of large numbers lose digits.

    Attributes:
        sums: float64 [..., targets, 8]: rows, predicted, right, predicted squared, right squared, predicted times
            right, absolute and squared difference.
        centres: float64 [2, targets]: what was taken off the predicted and the right numbers, near their means.
    """

    sums: _Floats
    centres: _Floats

    @classmethod
    def zero(cls, targets: int) -> "Agreement":
        """The sums of no rows."""
        return cls(np.zeros((targets, SUMS)), np.zeros((2, targets)))

    @classmethod
    def of(cls, predicted: NDArray[Any], right: NDArray[Any]) -> "Agreement":
        """Sums up numbers, [rows, targets] both; at least one row."""
        summands, centres = products(predicted, right)
        return cls(summands.sum(axis=0), centres)

    @classmethod
    def resampled(
        cls, predicted: NDArray[Any], right: NDArray[Any], *, resamples: int, seed: int
    ) -> "Agreement":
        """Sums for each resample of the rows, [resamples, targets, 8]."""
        summands, centres = products(predicted, right)
        flat = summands.reshape(len(right), -1)
        sums = resample_sums(flat, resamples=resamples, seed=seed)
        return cls(sums.reshape(resamples, -1, SUMS), centres)

    def __add__(self, other: "Agreement") -> "Agreement":
        shares = np.stack([own.sums[..., 0] for own in (self, other)])
        shares = shares / np.maximum(1, shares.sum(axis=0))
        centres = self.means * shares[0] + other.means * shares[1]
        return Agreement(self._around(centres) + other._around(centres), centres)

    @property
    def rows(self) -> int:
        """How many were summed up."""
        return int(self.sums[0, 0])

    @property
    def pearson(self) -> _Floats:
        """Pearson's correlation, -1 to 1, [..., targets]."""
        return _quotient(self._covariance, np.sqrt(self._variance(0) * self._variance(1)))

    @property
    def ccc(self) -> _Floats:
        """Concordance correlation (Lin, 1989), -1 to 1: bias and other spread count against it, [..., targets]."""
        apart = self._mean(1) - self._mean(2) + self.centres[0] - self.centres[1]
        return _quotient(2 * self._covariance, self._variance(0) + self._variance(1) + apart**2)

    @property
    def mae(self) -> _Floats:
        """Mean absolute error in the unit of the data, [..., targets]."""
        return self._mean(6)

    @property
    def rmse(self) -> _Floats:
        """Root of the mean squared error in the unit of the data, [..., targets]."""
        return np.sqrt(self._mean(7))

    @property
    def means(self) -> _Floats:
        """Of the predicted and the right numbers, [2, ..., targets]; 0 without rows."""
        rows = np.maximum(1, self.sums[..., 0])
        means: _Floats = self.centres + np.stack([self.sums[..., 1], self.sums[..., 2]]) / rows
        return means

    @property
    def deviations(self) -> _Floats:
        """Standard deviations (of the population) of the predicted and the right numbers, [2, ..., targets]."""
        return np.sqrt(np.stack([self._variance(side) for side in (0, 1)]))

    def _around(self, centres: _Floats) -> _Floats:
        """The sums as if these centres had been taken off."""
        x, y = self.centres - centres
        rows, predicted, right, predicted_2, right_2, product, absolute, squared = np.moveaxis(
            self.sums, -1, 0
        )
        return np.stack(
            [
                rows,
                predicted + rows * x,
                right + rows * y,
                predicted_2 + 2 * x * predicted + rows * x**2,
                right_2 + 2 * y * right + rows * y**2,
                product + x * right + y * predicted + rows * x * y,
                absolute,
                squared,
            ],
            axis=-1,
        )

    @property
    def _covariance(self) -> _Floats:
        return self._mean(5) - self._mean(1) * self._mean(2)

    def _variance(self, side: int) -> _Floats:
        """Of the predicted (0) or the right (1) numbers."""
        squares = self._mean(3 + side)
        variance = squares - self._mean(1 + side) ** 2
        noise = _ROUNDING * squares + _CENTRE_ROUNDING * self.centres[side] ** 2
        return np.where(variance <= noise, 0.0, variance)

    def _mean(self, column: int) -> _Floats:
        mean: _Floats = self.sums[..., column] / self.sums[..., 0]
        return mean


def products(predicted: NDArray[Any], right: NDArray[Any]) -> tuple[_Floats, _Floats]:
    """What `Agreement.sums` adds up, float64 [rows, targets, 8], and the centres, float64 [2, targets]."""
    x, y = predicted.astype(np.float64), right.astype(np.float64)
    apart = x - y
    centres = np.stack([x.mean(axis=0), y.mean(axis=0)])
    x, y = x - centres[0], y - centres[1]
    columns = [np.ones_like(x), x, y, x * x, y * y, x * y, np.abs(apart), apart**2]
    return np.stack(columns, axis=-1), centres


def _quotient(numerator: _Floats, denominator: _Floats) -> _Floats:
    quotient: _Floats = np.divide(
        numerator, denominator, out=np.zeros(np.shape(numerator)), where=denominator > 0
    )
    return np.where(np.isnan(denominator), np.nan, quotient)
