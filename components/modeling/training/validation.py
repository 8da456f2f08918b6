"""How good a network is on the validation split, and the thresholds that are tuned on it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.evaluation.metrics import Counts
from components.evaluation.thresholds import tune_thresholds
from components.modeling.dataset import TokenDataset
from components.modeling.heads import Head, columns, decide, known_rows
from components.modeling.scorer import Scorer
from components.modeling.training.objective import HeadsLoss

__all__ = ["Validation", "metric_name", "validate"]

_BATCH_SIZE = 64


@dataclass(frozen=True)
class Validation:
    """What was measured.

    Attributes:
        loss: of the plain losses of the tasks, without label weights or smoothing, so that trainings compare.
        metric: what the gate uses: macro-F1 with tuned thresholds of label heads, mean Pearson correlation of
            regression; the mean over heads if there are several.
        by_head: the metric of each head, by name.
        thresholds: float32 [outputs], 0 for outputs that have none.
        scores: float32 [rows, outputs].
    """

    loss: float
    metric: float
    by_head: dict[str, float]
    thresholds: NDArray[np.float32]
    scores: NDArray[np.float32]


def metric_name(heads: Sequence[Head]) -> str:
    """What people call `Validation.metric`."""
    if len({head.task == "regression" for head in heads}) > 1:
        return "mean of macro-F1 and Pearson r"
    return "mean Pearson r" if heads[0].task == "regression" else "macro-F1"


def validate(scorer: Scorer, heads: Sequence[Head], dataset: TokenDataset) -> Validation:
    """Scores a split and tunes thresholds on it."""
    logits = scorer.logits(dataset.rows(), segments=dataset.segment_rows(), batch_size=_BATCH_SIZE)
    return judge(heads, logits, scorer.to_scores(logits), dataset.targets)


def judge(
    heads: Sequence[Head],
    logits: NDArray[np.float32],
    scores: NDArray[np.float32],
    targets: NDArray[np.float32],
) -> Validation:
    """What logits float32 [rows, logits] and their scores are worth, given targets float32 [rows, outputs]."""
    thresholds = np.zeros(scores.shape[1], np.float32)
    own_columns = columns(heads)
    for head in heads:
        own = own_columns[head.name]
        if head.task == "multi_label":
            thresholds[own] = tune_thresholds(scores[:, own], targets[:, own])
    decisions = decide(heads, scores, thresholds.tolist())
    by_head = {}
    for head in heads:
        own = own_columns[head.name]
        known = known_rows(targets, own)
        if head.task == "regression":
            by_head[head.name] = mean_pearson(scores[known, own], targets[known, own])
        else:
            by_head[head.name] = Counts.of(decisions[known, own], targets[known, own]).macro_f1
    loss = HeadsLoss(heads)(logits, targets, np.ones(len(targets), np.float32))
    return Validation(
        loss=float(tf.convert_to_tensor(loss)),
        metric=float(np.mean(list(by_head.values()))),
        by_head=by_head,
        thresholds=thresholds,
        scores=scores,
    )


def mean_pearson(scores: NDArray[np.float32], targets: NDArray[np.float32]) -> float:
    """Mean over the columns of Pearson's correlation; a constant column counts as 0, no rows give NaN."""
    if not len(scores):
        return float("nan")
    predicted, actual = (values.astype(np.float64) - values.mean(axis=0) for values in (scores, targets))
    norms = np.sqrt((predicted**2).sum(axis=0) * (actual**2).sum(axis=0))
    products = (predicted * actual).sum(axis=0)
    return float(np.mean(np.divide(products, norms, out=np.zeros_like(norms), where=norms > 0)))
