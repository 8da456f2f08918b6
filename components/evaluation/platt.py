"""How likely a label is at a logit: an offset and a slope a label, learned from a split.

Platt, 1999, "Probabilistic outputs for support vector machines", with his targets; the loss and Newton's method in the
form of Lin, Lin and Weng, 2007, "A note on Platt's probabilistic outputs for support vector machines", which neither
overflows nor diverges. Beyond them, the offset and slope of a label are shrunk toward those of all labels together, the
more so the less its texts tell: a few positives are mostly noise.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PlattScaling", "fit_platt", "logit", "sigmoid"]

_OWN_PRECISION = (30.0, 300.0)
"""Precision (1 / variance) of the normal prior of a label's offset and slope around those of all labels. An offset's
weighs as much as the texts of some forty positives. Chosen on the GoEmotions dev split alone; from a third to three
times as much is worth the same within 0.1 points of macro-F1 and 0.1 % of the Brier score."""

_COMMON_PRECISION = (1.0, 1.0)
"""Of the prior of the common offset and slope around 0 and 1: only against splits that perfect scores divide."""

_LEAST_SLOPE = 0.05
"""Scores that fall as a label becomes more likely can be made no good; this keeps their order at least."""

_MOST_STEPS = 100
_PRECISE = 1e-9

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PlattScaling:
    """P(label) = sigmoid(offset + slope * logit).

    Attributes:
        offsets: float64 [labels].
        slopes: float64 [labels], above 0.
        covariance: float64 [3, labels], of what is not known of both: variance of the offset, covariance, variance of
            the slope (Laplace's approximation of the posterior).
    """

    offsets: _Floats
    slopes: _Floats
    covariance: _Floats

    def apply(self, logits: _Floats) -> _Floats:
        """The logits of the probabilities, float64 [rows, labels] or [labels], as `logits`."""
        return self.offsets + self.slopes * logits

    def undo(self, logits: _Floats) -> _Floats:
        """The logits that `apply` makes these of."""
        return (logits - self.offsets) / self.slopes


def fit_platt(logits: _Floats, marks: NDArray[np.bool_], *, shrinkage: float = 1.0) -> PlattScaling:
    """Learns offset and slope of every label.

    Args:
        logits: float64 [rows, labels], finite.
        marks: bool [rows, labels], whether the text has the label.
        shrinkage: factor of the weight of all labels together against a label's own texts.
    """
    start = np.array([[0.0], [1.0]])
    common, of_common = _fit(
        logits.reshape(-1, 1), marks.reshape(-1, 1), prior=start, precision=_COMMON_PRECISION
    )
    precision = (_OWN_PRECISION[0] * shrinkage, _OWN_PRECISION[1] * shrinkage)
    (offsets, slopes), of_own = _fit(logits, marks, prior=common, precision=precision)
    covariance = of_own + _spread(of_common[:, 0], of_own, precision)
    return PlattScaling(offsets, np.maximum(slopes, _LEAST_SLOPE), covariance)


def _spread(of_common: _Floats, of_own: _Floats, precision: tuple[float, float]) -> _Floats:
    """What is not known of the common parameters, as far as a label follows them: covariance [3, labels]."""
    follows = of_own[[[0, 1], [1, 2]]] * np.asarray(precision)[:, None]
    spread = np.einsum("ijl,jk,mkl->iml", follows, of_common[[[0, 1], [1, 2]]], follows)
    return np.stack([spread[0, 0], spread[0, 1], spread[1, 1]])


def _fit(
    logits: _Floats, marks: NDArray[np.bool_], *, prior: _Floats, precision: tuple[float, float]
) -> tuple[_Floats, _Floats]:
    """Logistic regression of each column of marks on its logits, with a normal prior: the most probable parameters.

    Newton's method; a step that does not lower its column's loss is halved.

    Returns:
        float64 [2, columns], offsets and slopes, and their covariance as in `PlattScaling`.
    """
    penalty = np.asarray(precision)[:, None]
    targets = _targets(marks)
    parameters: _Floats = np.broadcast_to(prior, (2, logits.shape[1])).copy()

    def loss(values: _Floats) -> _Floats:
        shifted = values[0] + values[1] * logits
        total: _Floats = (np.logaddexp(0, shifted) - targets * shifted).sum(axis=0)
        total += (penalty * (values - prior) ** 2).sum(axis=0) / 2
        return total

    current = loss(parameters)
    for _ in range(_MOST_STEPS):
        step, covariance = _newton_step(logits, targets, parameters, parameters - prior, penalty)
        while ((after := loss(parameters - step)) > current + _PRECISE * (1 + current)).any():
            step = np.where(after > current, step / 2, step)
        parameters, current = parameters - step, after
        if np.abs(step).max() < _PRECISE:
            break
    return parameters, covariance


def _targets(marks: NDArray[np.bool_]) -> _Floats:
    """What is learned in place of 1 and 0, float64 [rows, columns]: as if there were one text more of either kind."""
    positives = marks.sum(axis=0)
    targets: _Floats = np.where(
        marks, (positives + 1.0) / (positives + 2.0), 1.0 / (len(marks) - positives + 2.0)
    )
    return targets


def _newton_step(
    logits: _Floats, targets: _Floats, parameters: _Floats, deviation: _Floats, penalty: _Floats
) -> tuple[_Floats, _Floats]:
    probabilities = sigmoid(parameters[0] + parameters[1] * logits)
    errors, weights = probabilities - targets, probabilities * (1 - probabilities)
    gradient_0 = errors.sum(axis=0) + penalty[0] * deviation[0]
    gradient_1 = (errors * logits).sum(axis=0) + penalty[1] * deviation[1]
    curve_00 = weights.sum(axis=0) + penalty[0]
    curve_01 = (weights * logits).sum(axis=0)
    curve_11 = (weights * logits**2).sum(axis=0) + penalty[1]
    inverse = np.stack([curve_11, -curve_01, curve_00]) / (curve_00 * curve_11 - curve_01**2)
    step = np.stack(
        [inverse[0] * gradient_0 + inverse[1] * gradient_1, inverse[1] * gradient_0 + inverse[2] * gradient_1]
    )
    return step, inverse


def logit(probability: Any) -> _Floats:
    """Of probabilities inside (0, 1)."""
    found: _Floats = np.log(probability) - np.log1p(-probability)
    return found


def sigmoid(logit: Any) -> _Floats:
    """Its inverse, without overflow."""
    probability: _Floats = 0.5 * (1 + np.tanh(0.5 * logit))
    return probability
