"""Ridge-penalized linear heads on fixed vectors, fitted for each fold in closed steps: no optimizer, no random start.

Logistic losses are lowered by the bound on their curvature ("Monotonicity of quadratic-approximation algorithms",
Böhning & Lindsay, 1988): the Hessian of a logistic regression is nowhere above X'X / 4, of a softmax regression nowhere
above X'X / 2. One inverse then serves every step and every label, and with momentum (Nesterov, 1983; restarted as in
O'Donoghue & Candès, 2015, sec. 3.2) forty steps are enough. X'X of a fold's training rows is that of all rows less that
of the fold.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from components.modeling.head_settings import Task

__all__ = ["Matrix", "design_matrix", "out_of_fold"]

Matrix: TypeAlias = NDArray[np.float32]

_STEPS = 40
_PSEUDO_COUNT = 1.0
_INTERCEPT_PENALTY = 1e-3


def design_matrix(vectors: Matrix) -> Matrix:
    """Columns at mean 0 and variance 1 / width, so that rows have a mean square length of 1, and a column of ones."""
    width = vectors.shape[1]
    design = np.ones((len(vectors), width + 1), np.float32)
    spread = vectors.std(axis=0)
    np.subtract(vectors, vectors.mean(axis=0), out=design[:, :width])
    design[:, :width] /= np.where(spread > 0, spread, 1.0) * np.float32(np.sqrt(width))
    return design


def out_of_fold(
    task: Task,
    design: Matrix,
    targets: Matrix,
    folds: NDArray[np.int64],
    *,
    penalty: float,
    done: Callable[[], None] = lambda: None,
) -> Matrix:
    """What heads that have not seen a row's fold say of it, float32 [rows, outputs].

    Args:
        task: of the head.
        design: float32 [rows, features], from `design_matrix`.
        targets: float32 [rows, outputs]: 0 or 1 for labels, the numbers of a regression; all of them known.
        folds: int64 [rows].
        penalty: weight of half the squared length of a label's coefficients, beside the sum of the losses.
        done: is called after each fold.

    Returns:
        Probabilities of labels; of a single-label or ordinal head they sum up to 1. Numbers of a regression.
    """
    answers = np.empty_like(targets)
    gram = design.T @ design
    for fold in range(int(folds.max()) + 1):
        own = folds == fold
        held_out = design[own]
        coefficients = _fit(task, design[~own], targets[~own], gram - held_out.T @ held_out, penalty)
        answers[own] = _answer(task, held_out @ coefficients)
        done()
    return answers


def _fit(task: Task, design: Matrix, targets: Matrix, gram: Matrix, penalty: float) -> Matrix:
    """Coefficients, float32 [features, logits]."""
    penalties = np.full((len(gram), 1), penalty, np.float32)
    penalties[-1] = _INTERCEPT_PENALTY
    if task == "regression":
        mean = targets.mean(axis=0)
        solved: Matrix = np.linalg.solve(gram + np.diag(penalties[:, 0]), design.T @ (targets - mean))
        solved[-1] += mean
        return solved
    if task == "ordinal":
        # P(above k), for each level but the last.
        targets = np.cumsum(targets[:, ::-1], axis=1)[:, ::-1][:, 1:]
    curvature, activation = (0.5, _softmax) if task == "single_label" else (0.25, _sigmoid)
    inverse = np.linalg.inv(curvature * gram + np.diag(penalties[:, 0]))
    share = (targets.sum(axis=0) + _PSEUDO_COUNT) / (len(targets) + 2 * _PSEUDO_COUNT)
    current = np.zeros((len(gram), targets.shape[1]), np.float32)
    current[-1] = np.log(share) - (0.0 if task == "single_label" else np.log(1 - share))
    ahead, pace = current, 1.0
    for _ in range(_STEPS):
        gradient = design.T @ (activation(design @ ahead) - targets) + penalties * ahead
        following = ahead - inverse @ gradient
        if np.vdot(ahead - following, following - current) > 0:
            ahead, pace = following, 1.0
        else:
            faster = (1 + np.sqrt(1 + 4 * pace**2)) / 2
            ahead = following + np.float32((pace - 1) / faster) * (following - current)
            pace = faster
        current = following
    return current


def _answer(task: Task, logits: Matrix) -> Matrix:
    if task == "regression":
        return logits
    if task == "single_label":
        return _softmax(logits)
    probabilities = _sigmoid(logits)
    if task == "multi_label":
        return probabilities
    # Fitted one by one, heads can cross; to be above a higher level can be no more likely than above a lower one.
    above = np.minimum.accumulate(probabilities, axis=1)
    levels: Matrix = -np.diff(above, axis=1, prepend=np.float32(1), append=np.float32(0))
    return levels


def _sigmoid(logits: Matrix) -> Matrix:
    probabilities: Matrix = 0.5 * (1.0 + np.tanh(0.5 * logits))
    return probabilities


def _softmax(logits: Matrix) -> Matrix:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    normalized: Matrix = powers / powers.sum(axis=1, keepdims=True)
    return normalized
