"""Losses of a text that has one label of several, and of one of several levels.

Targets are float32 [rows, labels] that add up to 1: one-hot, or soft. The losses are float32 [rows].
"""

from typing import Any

import tensorflow as tf

from components.modeling.losses.binary import binary_cross_entropy

__all__ = ["cumulative_cross_entropy", "smooth_classes", "softmax_cross_entropy"]


def smooth_classes(targets: tf.Tensor, share: float) -> tf.Tensor:
    """Spreads a share of the target evenly over the labels (Szegedy et al., 2016, section 7)."""
    return targets * (1 - share) + share / targets.shape[1]


def softmax_cross_entropy(
    logits: tf.Tensor, targets: tf.Tensor, *, class_weights: Any = 1.0, gamma: float = 0.0
) -> tf.Tensor:
    """-sum_k w_k |y_k - p_k| ** gamma y_k log(p_k).

    With gamma 0 it is cross-entropy, lowest at p = y if unweighted. With more, on one-hot targets, it is the focal loss
    (Lin et al., 2017, equation 5, with the softmax in place of the sigmoid); soft targets are weighed by their distance
    as in Li et al. (2020, section 3), so that p = y remains the lowest point.

    Args:
        logits: float32 [rows, labels].
        targets: as the module says.
        class_weights: a number or float32 [labels].
        gamma: 0 or at least 1.
    """
    log_probabilities = tf.nn.log_softmax(logits)
    losses = -class_weights * targets * log_probabilities
    if gamma:
        losses *= tf.pow(tf.abs(targets - tf.exp(log_probabilities)), gamma)
    return tf.reduce_sum(losses, axis=1)


def cumulative_cross_entropy(logits: tf.Tensor, targets: tf.Tensor, *, class_weights: Any = 1.0) -> tf.Tensor:
    """Mean over k of the binary cross-entropy of "above level k" (Cao et al., 2020, CORAL, section 3: a sum).

    A soft target says P(above k) as the sum of its levels above k; the loss is lowest where the model says the same.

    Args:
        logits: float32 [rows, levels - 1], of "above level k", ascending k.
        targets: as the module says, over levels in ascending order.
        class_weights: a number or float32 [levels]; a row gets its level's, or the mean of its levels'.
    """
    above = tf.cumsum(targets, axis=1, reverse=True)[:, 1:]
    losses = tf.reduce_mean(binary_cross_entropy(logits, above), axis=1)
    return losses * tf.reduce_sum(class_weights * targets, axis=1)
