"""The loss of a network whose head drops differently in several copies of a batch."""

import tensorflow as tf

from components.modeling.training.objective import BatchLoss

__all__ = ["loss_of_samples"]


def loss_of_samples(loss: BatchLoss, samples: int) -> BatchLoss:
    """The mean loss of the copies (`components.modeling.multi_sample_dropout`).

    Takes logits float32 [samples x rows, logits] with the targets and weights of the rows.
    """
    if samples == 1:
        return loss
    return lambda logits, targets, weights: loss(
        logits, tf.tile(targets, [samples, 1]), tf.tile(weights, [samples])
    )
