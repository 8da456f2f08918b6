"""Weights of labels, from what is configured and how often each occurs in training."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.core.errors import ConfigError

__all__ = [
    "LabelCounts",
    "balanced_class_weights",
    "balanced_positive_weights",
    "effective_number_weights",
    "named_weights",
]

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LabelCounts:
    """How often labels occur, each row counted by its weight.

    Attributes:
        positives: float64 [labels], rows that have the label.
        rows: rows that are labelled at all.
    """

    positives: _Floats
    rows: float

    @classmethod
    def of(cls, targets: NDArray[np.float32], weights: NDArray[np.float32]) -> "LabelCounts":
        """Counts targets float32 [rows, labels], NaN = unknown, with weights float32 [rows]; rows weigh 1 on average.

        A soft target counts as what it says: two votes of three are two thirds of a row.
        """
        known = ~np.isnan(targets).any(axis=1)
        values, importance = targets[known].astype(np.float64), weights[known].astype(np.float64)
        if importance.any():
            importance = importance / importance.mean()
        return cls(importance @ values, float(importance.sum()))


def balanced_positive_weights(counts: LabelCounts, *, power: float = 1.0) -> _Floats:
    """(Rows without the label / rows with it) ** power, float64 [labels]; 1 for a label that no row or every row has.

    With `power` 1 both answers weigh the same in total (the `pos_weight` of PyTorch's BCEWithLogitsLoss).
    """
    absent = counts.rows - counts.positives
    usable = (counts.positives > 0) & (absent > 0)
    ratio = np.divide(absent, counts.positives, out=np.ones_like(absent), where=usable)
    return np.where(usable, ratio**power, 1.0)


def balanced_class_weights(counts: LabelCounts, *, power: float = 1.0) -> _Floats:
    """(1 / rows with the label) ** power, float64 [labels], scaled so that the mean over occurrences is 1.

    With `power` 1 and one label a row this is scikit-learn's "balanced" (King and Zeng, 2001, "Logistic regression in
    rare events data"), rows / (labels x rows with the label). A label that no row has gets the largest of the others.
    """
    occurs = counts.positives > 0
    weights = np.power(counts.positives, -power, out=np.zeros_like(counts.positives), where=occurs)
    mean = (weights @ counts.positives) / counts.positives.sum() if occurs.any() else 1.0
    return _fill(weights / mean, occurs)


def effective_number_weights(counts: LabelCounts, *, beta: float) -> _Floats:
    """(1 - beta) / (1 - beta ** rows with the label), float64 [labels], scaled so that they add up to their number.

    Cui et al., 2019, "Class-balanced loss based on effective number of samples", proposition 1 and section 4. A
    label that no row has gets the largest of the others.
    """
    occurs = counts.positives > 0
    effective_number = -np.expm1(counts.positives * np.log(beta)) if beta else np.ones_like(counts.positives)
    weights = np.divide(1 - beta, effective_number, out=np.zeros_like(effective_number), where=occurs)
    filled = _fill(weights, occurs)
    scaled: _Floats = filled * len(filled) / filled.sum()
    return scaled


def _fill(weights: _Floats, occurs: NDArray[np.bool_]) -> _Floats:
    return np.where(occurs, weights, weights.max(initial=0.0) if occurs.any() else 1.0)


def named_weights(weights: Mapping[str, float], names: Sequence[str], *, setting: str) -> _Floats:
    """The configured weights in the order of the labels, float64 [labels]; 1 for those that are not named.

    Raises:
        ConfigError: there is no such label.
    """
    for name in weights:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
            raise ConfigError(f"{setting}: there is no label {name!r}; {remedy}")
    return np.array([weights.get(name, 1.0) for name in names], np.float64)
