"""R-Drop: two passes that drop different units shall give the same answer."""

from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf

from components.modeling.heads import Head, logit_columns
from components.modeling.training.objective import BatchLoss, TokenInputs

__all__ = ["RDropObjective", "divergence"]


class RDropObjective:
    """Half of equation 4 of "R-Drop: Regularized Dropout for Neural Networks" (Liang et al., 2021).

    (L1 + L2) / 2 + alpha / 4 x (KL(1||2) + KL(2||1)), where 1 and 2 are the answers of two passes with different
    dropout: half, so that the loss compares with one that was trained without. The consistency of a text is learned
    from whether its labels are known or not.
    """

    def __init__(
        self,
        network: keras.Model,
        loss: BatchLoss,
        heads: Sequence[Head],
        *,
        alpha: float,
        loss_weights: Mapping[str, float] | None = None,
    ) -> None:
        """Prepares the objective.

        Args:
            network: gives the logits of `heads`; with multi-sample dropout, a multiple of the rows.
            loss: of the logits.
            heads: of the network.
            alpha: weight of the consistency.
            loss_weights: of heads, by name; 1 if not given.
        """
        self._network = network
        self._loss = loss
        self._alpha = alpha
        self._heads = [
            (head, own, (loss_weights or {}).get(head.name, 1.0))
            for head, own in zip(heads, logit_columns(heads).values(), strict=True)
        ]

    def __call__(self, inputs: TokenInputs, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        first, second = (self._network(inputs, training=True) for _ in range(2))
        losses = [self._loss(logits, targets, weights) for logits in (first, second)]
        apart = tf.add_n(
            [factor * divergence(head, first[:, own], second[:, own]) for head, own, factor in self._heads]
        )
        by_row = tf.reduce_mean(tf.reshape(apart, [-1, tf.shape(weights)[0]]), axis=0)
        return tf.add_n(losses) / 2 + self._alpha / 4 * tf.reduce_mean(by_row * weights)


def divergence(head: Head, first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """KL(1||2) + KL(2||1) of a head's answers, float32 [rows], in the unit of the head's plain loss.

    Between members of an exponential family with natural parameters a, b and means p, q the two add up to
    (a - b)(p - q), for the normalizers cancel. Softmax: summed over the labels. Bernoulli: the mean over the labels, as
    in binary cross-entropy; the levels of an ordinal head likewise. Regression: Gaussians of variance 1; squared error
    is twice their negative log-likelihood, so theirs counts twice: 2 (a - b)^2.

    Args:
        head: whose logits they are.
        first: float32 [rows, logits].
        second: likewise.
    """
    apart = first - second
    if head.task == "single_label":
        return tf.reduce_sum(apart * (tf.nn.softmax(first) - tf.nn.softmax(second)), axis=1)
    if head.task == "regression":
        return 2 * tf.reduce_mean(tf.square(apart), axis=1)
    return tf.reduce_mean(apart * (tf.sigmoid(first) - tf.sigmoid(second)), axis=1)
