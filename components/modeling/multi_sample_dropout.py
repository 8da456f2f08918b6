"""Multi-sample dropout: the head learns from several differently dropped copies of a text's vector."""

from typing import Any

import keras
from keras import ops

__all__ = ["MultiSampleDropout"]


class MultiSampleDropout(keras.layers.Dropout):
    """In training, float [rows, ...] to float [samples x rows, ...], each copy with a dropout of its own.

    "Multi-Sample Dropout for Accelerated Training and Better Generalization" (Inoue, 2019): the loss is the mean over
    the copies. The mean of their logits would be no more than a weaker dropout, for the head is linear. With one sample
    it is dropout.
    """

    def __init__(self, rate: float, samples: int, **options: Any) -> None:
        super().__init__(rate, **options)
        self._samples = samples

    def call(self, inputs: Any, training: bool = False) -> Any:
        if training and self._samples > 1:
            inputs = ops.tile(inputs, (self._samples,) + (1,) * (len(inputs.shape) - 1))
        return super().call(inputs, training=training)
