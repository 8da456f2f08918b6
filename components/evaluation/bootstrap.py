"""How far a measured figure would move on another test set of the same size and kind.

Percentile bootstrap (Efron, 1979): rows are drawn with replacement, metrics are recomputed from the drawn rows'
counts. A resample is a vector of row weights, so all resamples are one matrix product.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluation.metrics import f1_of

__all__ = ["CONFIDENCE", "Bootstrap", "Interval", "bootstrap_f1", "resample_sums", "simultaneous_intervals"]

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


@dataclass(frozen=True)
class Bootstrap:
    """F1 of every resample.

    Attributes:
        label_f1: float64 [resamples, labels].
        macro_f1: float64 [resamples].
        micro_f1: float64 [resamples].
    """

    label_f1: NDArray[np.float64]
    macro_f1: NDArray[np.float64]
    micro_f1: NDArray[np.float64]


def bootstrap_f1(
    decisions: NDArray[Any], targets: NDArray[Any], *, resamples: int = 1000, seed: int = 0
) -> Bootstrap:
    """Resamples the rows and recomputes F1.

    The draws depend on the number of rows and the seed alone: two models bootstrapped on the same rows with the
    same seed get the same resamples, so the difference of their results is a paired bootstrap, from which the
    difficulty of the drawn rows cancels out.

    Args:
        decisions: bool or 0/1 [rows, labels]; at least one row.
        targets: 0 or 1 [rows, labels].
        resamples: how often all rows are drawn.
        seed: of the draws.

    Raises:
        ValueError: there are no rows, or shapes differ.
    """
    if not len(targets) or decisions.shape != targets.shape:
        raise ValueError(
            f"decisions are {list(decisions.shape)}, targets {list(targets.shape)}; "
            "expected [rows, labels] twice with at least one row"
        )
    outcomes = _outcomes(decisions.astype(np.bool_), targets.astype(np.bool_))
    sums = resample_sums(outcomes, resamples=resamples, seed=seed)
    counts = sums.reshape(resamples, 3, targets.shape[1])
    label_f1 = f1_of(counts[:, 0], counts[:, 1], counts[:, 2])
    totals = counts.sum(axis=2)
    micro_f1 = f1_of(totals[:, 0], totals[:, 1], totals[:, 2])
    return Bootstrap(label_f1, label_f1.mean(axis=1), micro_f1)


def resample_sums(values: NDArray[Any], *, resamples: int, seed: int) -> NDArray[np.float64]:
    """What the columns add up to over the rows of each resample, float64 [resamples, columns].

    Args:
        values: [rows, columns], float32 if the sums are whole numbers up to 16 million, else float64; at least one row.
        resamples: how often all rows are drawn.
        seed: of the draws, which depend on it and the number of rows alone.
    """
    drawn = _row_weights(len(values), resamples, seed)
    blocks = [weights.astype(values.dtype, copy=False) @ values for weights in drawn]
    return np.concatenate(blocks).astype(np.float64)


def simultaneous_intervals(
    values: NDArray[np.float64], samples: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bounds that hold for all figures at once, so that the one that looks worst among many can be believed.

    The largest studentized deviation among the figures of a resample says how far the most unlucky of them strays;
    figures that move together cost little (the max-t method: Romano and Wolf, 2005, "Exact and approximate stepdown
    methods for multiple hypothesis testing", section 4). A figure that is the same in every resample has no width.

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


def _outcomes(decided: NDArray[np.bool_], labelled: NDArray[np.bool_]) -> NDArray[np.float32]:
    """float32 [rows, 3 x labels]: true positives, false positives, false negatives."""
    parts = (decided & labelled, decided & ~labelled, ~decided & labelled)
    return np.concatenate(parts, axis=1).astype(np.float32)


def _row_weights(rows: int, resamples: int, seed: int) -> Iterator[NDArray[np.float32]]:
    """float32 [block, rows]: how often each row was drawn (exact in float32 up to 16 million)."""
    generator = np.random.default_rng(seed)
    block = max(1, _WEIGHTS_PER_BLOCK // rows)
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        drawn = generator.integers(rows, size=(size, rows), dtype=np.int64)
        drawn += np.arange(size)[:, None] * rows
        yield np.bincount(drawn.ravel(), minlength=size * rows).reshape(size, rows).astype(np.float32)
