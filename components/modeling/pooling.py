"""From a vector per token to a vector per text, or one per output."""

from typing import Any, Literal, TypeAlias

import keras
from keras import ops

__all__ = [
    "FirstSegment",
    "FirstToken",
    "MaskedMax",
    "MaskedMean",
    "Pooling",
    "SecondSegment",
    "TokenAttention",
    "pooling_layer",
]

Pooling: TypeAlias = Literal["mean", "cls", "max", "attention", "label_attention"]
"""`mean`: average over the text's tokens; `cls`: the vector of [CLS]; `max`: each unit's largest value; `attention`:
a learned weighted mean; `label_attention`: one for every output."""

_MASKED = -1e9


def pooling_layer(pooling: Pooling, *, queries: int = 1) -> keras.layers.Layer:
    """The layer for a kind of pooling; it computes in float32 whatever the encoder's precision is.

    From float [batch, seq_len, width] and the padding mask, int32 [batch, seq_len], it makes [batch, width], or for
    `label_attention` [batch, queries, width].
    """
    options: dict[str, Any] = {"dtype": "float32", "name": "pooling"}
    match pooling:
        case "mean":
            return MaskedMean(**options)
        case "cls":
            return FirstToken(**options)
        case "max":
            return MaskedMax(**options)
        case "attention":
            return TokenAttention(None, **options)
        case "label_attention":
            return TokenAttention(queries, **options)


class FirstSegment(keras.layers.Layer):
    """From padding mask and segment ids, int32 [batch, seq_len], 1 for the tokens of the first segment, else 0."""

    def call(self, padding_mask: Any, segment_ids: Any) -> Any:
        return ops.cast(padding_mask, "int32") * (1 - ops.cast(segment_ids, "int32"))


class SecondSegment(keras.layers.Layer):
    """From padding mask and segment ids, int32 [batch, seq_len], 1 for the tokens of the second segment, else 0.

    Where a row has one segment only, 1 for all its tokens.
    """

    def call(self, padding_mask: Any, segment_ids: Any) -> Any:
        is_second = ops.cast(segment_ids, "int32")
        is_alone = 1 - ops.max(is_second, axis=1, keepdims=True)
        return ops.cast(padding_mask, "int32") * ops.maximum(is_second, is_alone)


class MaskedMean(keras.layers.Layer):
    """Averages float [batch, seq_len, width] over the positions where int32 [batch, seq_len] is 1."""

    def call(self, sequence: Any, padding_mask: Any) -> Any:
        weights = ops.expand_dims(ops.cast(padding_mask, sequence.dtype), axis=-1)
        return ops.sum(sequence * weights, axis=1) / ops.maximum(ops.sum(weights, axis=1), 1.0)


class FirstToken(keras.layers.Layer):
    """Takes the vector of the first token, [CLS], of float [batch, seq_len, width]."""

    def call(self, sequence: Any, padding_mask: Any) -> Any:  # noqa: ARG002 (same inputs as MaskedMean)
        return sequence[:, 0, :]


class MaskedMax(keras.layers.Layer):
    """Takes the largest value of each unit over the positions where int32 [batch, seq_len] is 1."""

    def call(self, sequence: Any, padding_mask: Any) -> Any:
        return ops.max(sequence + _where_padding(padding_mask, sequence.dtype)[:, :, None], axis=1)


class TokenAttention(keras.layers.Layer):
    """Weighted means of token vectors h, with weights softmax(h . u) over the text's tokens for each query u.

    With a query for every output it is the attention of CAML ("Explainable Prediction of Medical Codes from Clinical
    Text", Mullenbach et al., 2018, eq. 1-2); with one for the text, that of Yang et al. (2016, "Hierarchical Attention
    Networks", eq. 6-7) without the layer before it. Queries start at 0, so that it starts as the mean over the tokens,
    which the encoder is pretrained for; with one for every output, half of the weight stays spread over all tokens,
    whatever the queries learn.
    """

    def __init__(self, queries: int | None, **options: Any) -> None:
        """`queries` make float32 [batch, queries, width]; None has one and makes [batch, width]."""
        super().__init__(**options)
        self._queries = queries
        self.by_output = queries is not None

    def build(self, sequence_shape: Any, padding_mask_shape: Any) -> None:  # noqa: ARG002 (Keras passes both)
        self.queries = self.add_weight(
            shape=(sequence_shape[-1], self._queries or 1), initializer="zeros", name="queries"
        )

    def call(self, sequence: Any, padding_mask: Any) -> Any:
        fits = ops.transpose(ops.matmul(sequence, self.queries), (0, 2, 1))
        weights = ops.softmax(fits + _where_padding(padding_mask, sequence.dtype)[:, None, :], axis=-1)
        if not self.by_output:
            return ops.matmul(weights, sequence)[:, 0, :]
        is_token = ops.cast(padding_mask, sequence.dtype)[:, None, :]
        mean = is_token / ops.maximum(ops.sum(is_token, axis=-1, keepdims=True), 1.0)
        return ops.matmul((weights + mean) / 2.0, sequence)


def _where_padding(padding_mask: Any, dtype: Any) -> Any:
    """0 for tokens and a large negative number for padding, which converts to fewer operations than a selection."""
    return (1.0 - ops.cast(padding_mask, dtype)) * _MASKED
