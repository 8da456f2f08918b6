"""How good a network is on the validation split, and what is learned from that: calibration and thresholds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.evaluation.metrics import Counts
from components.modeling.dataset import TokenDataset
from components.modeling.head_layers import scores_of
from components.modeling.heads import Head, columns, decide, known_rows
from components.modeling.scorer import Scorer
from components.modeling.training.learned import Learned, learn
from components.modeling.training.objective import HeadsLoss

if TYPE_CHECKING:
    from components.trainer import TrainerConfig

__all__ = ["Validation", "metric_name", "validate"]

_BATCH_SIZE = 64


@dataclass(frozen=True)
class Validation:
    """What was measured.

    Attributes:
        loss: of the plain losses of the tasks, without label weights, smoothing or calibration, so that trainings
            compare.
        metric: what the gate uses: macro-F1 with tuned thresholds of label heads, mean Pearson correlation of
            regression; the mean over heads if there are several.
        by_head: the metric of each head, by name.
        learned: calibration and thresholds.
        scores: float32 [rows, outputs], calibrated.
    """

    loss: float
    metric: float
    by_head: dict[str, float]
    learned: Learned
    scores: NDArray[np.float32]


def metric_name(heads: Sequence[Head]) -> str:
    """What people call `Validation.metric`."""
    if len({head.task == "regression" for head in heads}) > 1:
        return "mean of macro-F1 and Pearson r"
    return "mean Pearson r" if heads[0].task == "regression" else "macro-F1"


def validate(
    scorer: Scorer, heads: Sequence[Head], dataset: TokenDataset, config: "TrainerConfig"
) -> Validation:
    """Scores a split, and learns calibration and thresholds from it as configured."""
    logits = scorer.logits(dataset.rows(), segments=dataset.segment_rows(), batch_size=_BATCH_SIZE)
    learned = learn(
        heads, logits, dataset.targets, calibration=config.calibration, thresholds=config.thresholds
    )
    return judge(heads, logits, dataset.targets, learned)


def judge(
    heads: Sequence[Head], logits: NDArray[np.float32], targets: NDArray[np.float32], learned: Learned
) -> Validation:
    """What logits float32 [rows, logits] are worth, given targets float32 [rows, outputs], NaN = unknown."""
    scores = scores_of(heads, tf.constant(logits), learned.calibration).numpy()
    decisions = decide(heads, scores, learned.thresholds.tolist())
    own_columns = columns(heads)
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
        learned=learned,
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
