"""From a vector per token to a vector per text."""

from typing import Any, Literal, TypeAlias

import keras
from keras import ops

__all__ = ["FirstToken", "MaskedMean", "Pooling", "pooling_layer"]

Pooling: TypeAlias = Literal["mean", "cls"]
"""`mean`: average over the text's tokens; `cls`: the vector of [CLS]."""


def pooling_layer(pooling: Pooling) -> keras.layers.Layer:
    """The layer for a kind of pooling; it computes in float32 whatever the encoder's precision is."""
    return {"mean": MaskedMean, "cls": FirstToken}[pooling](dtype="float32", name="pooling")


class MaskedMean(keras.layers.Layer):
    """Averages float [batch, seq_len, width] over the positions where int32 [batch, seq_len] is 1."""

    def call(self, sequence: Any, padding_mask: Any) -> Any:
        weights = ops.expand_dims(ops.cast(padding_mask, sequence.dtype), axis=-1)
        return ops.sum(sequence * weights, axis=1) / ops.maximum(ops.sum(weights, axis=1), 1.0)


class FirstToken(keras.layers.Layer):
    """Takes the vector of the first token, [CLS], of float [batch, seq_len, width]."""

    def call(self, sequence: Any, padding_mask: Any) -> Any:  # noqa: ARG002 (same inputs as MaskedMean)
        return sequence[:, 0, :]
