"""Metrics of multi-label decisions that are means over texts of a figure of each."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ROW_FIGURES", "row_figures"]

ROW_FIGURES = ("samples_f1", "jaccard", "hamming", "subset_accuracy", "lrap")
"""Names of the columns of `row_figures`."""

_CELLS_AT_A_TIME = 1 << 22

_Floats = NDArray[np.float64]


def row_figures(scores: NDArray[np.float32], decisions: NDArray[np.bool_], targets: NDArray[Any]) -> _Floats:
    """What each text adds to the means, as scikit-learn defines them.

    Args:
        scores: [rows, labels], any scale.
        decisions: bool [rows, labels].
        targets: 0 or 1 [rows, labels].

    Returns:
        float64 [rows, 5], all 0-1: F1 and Jaccard index of the labels decided and those right (0 if there are none of
        both), share of labels decided wrong (Hamming loss), 1 if none is, and label ranking average precision (1 if
        none or all are right; NaN if a score is no number).
    """
    labels = targets.shape[1]
    labelled = targets.astype(np.bool_)
    shared, decided, right = (
        part.sum(axis=1).astype(np.float64) for part in (decisions & labelled, decisions, labelled)
    )
    wrong = decided + right - 2 * shared
    return np.stack(
        [
            _quotient(2 * shared, decided + right),
            _quotient(shared, decided + right - shared),
            wrong / labels,
            wrong == 0,
            _ranking_precision(scores, labelled),
        ],
        axis=1,
    )


def _ranking_precision(scores: NDArray[np.float32], labelled: NDArray[np.bool_]) -> _Floats:
    """Mean over a text's labels of the share of right ones among the labels scored at least as high."""
    rows, labels = labelled.shape
    of_row, label = np.nonzero(labelled)
    precision = np.zeros(len(of_row))
    step = max(1, _CELLS_AT_A_TIME // labels)
    for start in range(0, len(of_row), step):
        part = slice(start, start + step)
        own = of_row[part]
        reach = scores[own] >= scores[own, label[part]][:, np.newaxis]
        hits = (reach & labelled[own]).sum(axis=1)
        precision[part] = hits / np.maximum(1, reach.sum(axis=1))
    counts = np.bincount(of_row, minlength=rows)
    sums = np.bincount(of_row, weights=precision, minlength=rows)
    figures = np.where(counts > 0, sums / np.maximum(1, counts), 1.0)
    return np.where(np.isnan(scores).any(axis=1), np.nan, figures)


def _quotient(numerator: _Floats, denominator: _Floats) -> _Floats:
    quotient: _Floats = np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)
    return quotient
