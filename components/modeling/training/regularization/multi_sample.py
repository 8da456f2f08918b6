"""Multi-sample dropout: the head learns from several differently dropped copies of a text's vector."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from components.modeling.training.regularization.consistency import BatchLoss

__all__ = ["MultiSampleDropout", "loss_of_samples"]


class MultiSampleDropout(keras.layers.Layer):
    """In training, float [rows, ...] to float [samples x rows, ...], each copy with a dropout of its own.

    "Multi-Sample Dropout for Accelerated Training and Better Generalization" (Inoue, 2019): the loss is the mean over
    the copies. The mean of their logits would be no more than a weaker dropout, for the head is linear.
    """

    def __init__(self, rate: float, samples: int, **options: Any) -> None:
        super().__init__(**options)
        self._samples = samples
        self._dropout = keras.layers.Dropout(rate, dtype=self.dtype_policy)

    def call(self, pooled: Any, training: bool = False) -> Any:
        if not training:
            return pooled
        repeats = (self._samples,) + (1,) * (len(pooled.shape) - 1)
        return self._dropout(ops.tile(pooled, repeats), training=True)


def loss_of_samples(loss: BatchLoss, samples: int) -> BatchLoss:
    """The mean loss of the copies: takes logits float32 [samples x rows, logits] with targets and weights of rows."""
    if samples == 1:
        return loss
    return lambda logits, targets, weights: loss(
        logits, tf.tile(targets, [samples, 1]), tf.tile(weights, [samples])
    )
