"""One temperature for all logits of a head (Guo et al., 2017, "On calibration of modern neural networks", section 4.2).

Logits are divided by it; it is the one with which the truth of a split is likeliest. Of softmax and of ordered levels
it is the only scaling that knows no label from another.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["fit_temperature"]

_MOST = 20.0
"""Temperatures are looked for from 1 / 20 to 20."""

_STEPS = 60
_GOLDEN = (np.sqrt(5) - 1) / 2
_LEAST_GAP = 1e-6
"""Levels nearer than this in logits have no probability that a logarithm could be taken of."""

_Floats = NDArray[np.float64]


def fit_temperature(task: str, logits: _Floats, marks: NDArray[np.bool_]) -> float:
    """The temperature of a head, above 0: over 1 if its scores are too sure.

    The loss is convex in the inverse temperature for every task (of ordered levels: Pratt, 1981, "Concavity of the log
    likelihood"), so that golden-section search finds its minimum. A normal prior of deviation 1 around an inverse of 1
    keeps it from running off on a split that the scores divide perfectly.

    Args:
        task: `multi_label`, `single_label` or `ordinal`.
        logits: float64 [rows, logits], finite.
        marks: bool [rows, outputs], what applies; of the last two tasks one output a row.
    """
    log_likelihood = _LOG_LIKELIHOODS[task]

    def loss(log_inverse: float) -> float:
        inverse = float(np.exp(log_inverse))
        return (inverse - 1) ** 2 / 2 - log_likelihood(inverse * logits, marks)

    return float(np.exp(-_minimum(loss, np.log(_MOST))))


def _minimum(function: Callable[[float], float], bound: float) -> float:
    """Where a function of one minimum between -bound and bound has it."""
    low, high = -bound, bound
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = function(left), function(right)
    for _ in range(_STEPS):
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = function(right)
    return (low + high) / 2


def _of_any(logits: _Floats, marks: NDArray[np.bool_]) -> float:
    return -float(np.logaddexp(0, np.where(marks, -logits, logits)).sum())


def _of_one(logits: _Floats, marks: NDArray[np.bool_]) -> float:
    above = logits - logits.max(axis=1, keepdims=True)
    return float(above[marks].sum() - np.log(np.exp(above).sum(axis=1)).sum())


def _of_levels(logits: _Floats, marks: NDArray[np.bool_]) -> float:
    """sigmoid(u) - sigmoid(v) = sigmoid(u) sigmoid(-v) (1 - exp(v - u)), of the logits of "at least" and "above"."""
    edge = np.full((len(logits), 1), np.inf)
    at_least, above = np.hstack([edge, logits])[marks], np.hstack([logits, -edge])[marks]
    gaps = np.maximum(at_least - above, _LEAST_GAP)
    return float(np.sum(np.log(-np.expm1(-gaps)) - np.logaddexp(0, -at_least) - np.logaddexp(0, above)))


_LOG_LIKELIHOODS: Mapping[str, Callable[[_Floats, NDArray[np.bool_]], float]] = {
    "multi_label": _of_any,
    "single_label": _of_one,
    "ordinal": _of_levels,
}
