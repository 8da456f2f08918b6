"""The negative log-likelihood of each task: what is minimised unless another loss is configured."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from components.modeling.heads import Head

__all__ = ["plain_loss"]


def plain_loss(head: Head) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """The loss of a head: logits float32 [rows, logits] and targets float32 [rows, outputs] to float32 [rows].

    Multi-label: mean binary cross-entropy of its labels. Single-label: cross-entropy. Ordinal: the mean binary
    cross-entropy of "above level k" (Cao et al., 2020, "Rank consistent ordinal regression", eq. 4). Regression: mean
    squared error in units of the targets' standard deviation.
    """
    if head.task == "single_label":
        return lambda logits, targets: tf.nn.softmax_cross_entropy_with_logits(targets, logits)
    if head.task == "ordinal":
        return lambda logits, targets: tf.reduce_mean(
            tf.nn.sigmoid_cross_entropy_with_logits(tf.cumsum(targets, axis=1, reverse=True)[:, 1:], logits),
            axis=1,
        )
    if head.task == "regression":
        mean, std = np.asarray(head.mean, np.float32), np.asarray(head.std, np.float32)
        return lambda logits, targets: tf.reduce_mean(tf.square((targets - mean) / std - logits), axis=1)
    return lambda logits, targets: tf.reduce_mean(
        tf.nn.sigmoid_cross_entropy_with_logits(targets, logits), axis=1
    )
