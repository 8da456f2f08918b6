"""How far a measured figure would move on another test set of the same size and kind.

Percentile bootstrap (Efron, 1979): rows are drawn with replacement, metrics are recomputed from the drawn rows'
counts. A resample is a vector of row weights, so all resamples are one matrix product.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CONFIDENCE", "Interval", "resample_sums", "simultaneous_intervals"]

CONFIDENCE = 0.95
"""Share of the resamples that an interval holds."""

_WEIGHTS_PER_BLOCK = 1 << 22
"""Row weights held at a time: 16 MiB of float32."""


@dataclass(frozen=True)
class Interval:
    """Bounds between which a metric lies in `CONFIDENCE` of the resamples."""

    low: float
    high: float

    @classmethod
    def of(cls, samples: NDArray[np.float64]) -> "Interval":
        """The central interval of float64 [resamples]."""
        tail = (1 - CONFIDENCE) / 2
        low, high = np.quantile(samples, (tail, 1 - tail))
        return cls(float(low), float(high))


def resample_sums(values: NDArray[Any], *, resamples: int, seed: int) -> NDArray[np.float64]:
    """What the columns add up to over the rows of each resample, float64 [resamples, columns].

    The draws depend on the number of rows and the seed alone: two models bootstrapped on the same rows with the same
    seed get the same resamples, so the difference of their results is a paired bootstrap, from which the difficulty of
    the drawn rows cancels out.

    Args:
        values: [rows, columns], float32 if the sums are whole numbers up to 16 million, else float64.
        resamples: how often all rows are drawn.
        seed: of the draws.

    Raises:
        ValueError: there are no rows.
    """
    if not len(values):
        raise ValueError("there is nothing to resample; expected at least one row")
    drawn = _row_weights(len(values), resamples, seed)
    blocks = [weights.astype(values.dtype, copy=False) @ values for weights in drawn]
    return np.concatenate(blocks).astype(np.float64)


def simultaneous_intervals(
    values: NDArray[np.float64], samples: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bounds that hold for all figures at once, so that the one that looks worst among many can be believed.

    The largest studentized deviation among the figures of a resample says how far the most unlucky of them strays;
    figures that move together cost little (the max-t method: Romano and Wolf, 2005, "Exact and approximate stepdown
    methods for multiple hypothesis testing", section 4). A figure that is the same in every resample has no width. This
    needs rows by the hundred: of a few, neither the resamples nor their deviation tell how far a figure may be off.

    Args:
        values: float64 [figures].
        samples: float64 [resamples, figures], of the same resamples.

    Returns:
        Lower and upper bounds, float64 [figures]; NaN where the figure is NaN.
    """
    if not len(values):
        return values, values
    deviation = samples.std(axis=0)
    moves = deviation > 0
    if not moves.any():
        return values - deviation, values + deviation
    extreme = (np.abs(samples[:, moves] - values[moves]) / deviation[moves]).max(axis=1)
    width = float(np.quantile(extreme, CONFIDENCE)) * deviation
    return values - width, values + width


def _row_weights(rows: int, resamples: int, seed: int) -> Iterator[NDArray[np.float32]]:
    """float32 [block, rows]: how often each row was drawn (exact in float32 up to 16 million)."""
    generator = np.random.default_rng(seed)
    block = max(1, _WEIGHTS_PER_BLOCK // rows)
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        drawn = generator.integers(rows, size=(size, rows), dtype=np.int64)
        drawn += np.arange(size)[:, None] * rows
        yield np.bincount(drawn.ravel(), minlength=size * rows).reshape(size, rows).astype(np.float32)
