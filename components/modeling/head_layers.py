"""Heads in TensorFlow: from the vector of a text to logits, and from logits to scores and decisions."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from components.modeling.calibration import Calibration, calibrated
from components.modeling.heads import Head, columns, logit_columns

__all__ = [
    "CumulativeLogits",
    "LogitsByOutput",
    "Scores",
    "decisions",
    "head_logits",
    "hidden_layer",
    "scores_of",
    "vector_count",
]

_KERNEL_STDDEV = 0.02
"""BERT's."""

_OFFSET_SCALE = 10.0
"""Adam moves every number by about the learning rate a step, whatever its gradient: offsets, which are of the size of
1, would hardly move in a fine-tuning if they were not multiples of what is learnt. With a larger factor their gradients
would take over the global norm that is clipped."""


def head_logits(heads: Sequence[Head], pooled: Any, initial: NDArray[np.float32] | None) -> Any:
    """The logits of all heads side by side, float32 [batch, logits].

    Args:
        heads: of the model.
        pooled: Keras tensor float32 [batch, width], or [batch, vectors, width] with as many vectors as `vector_count`
            says.
        initial: float32 [logits] before any training; None for 0.
    """
    if initial is None:
        initial = np.zeros(sum(head.logits for head in heads), np.float32)
    parts = []
    vectors = 0
    for head, own in zip(heads, logit_columns(heads).values(), strict=True):
        mine = pooled
        if len(pooled.shape) > 2:
            first, vectors = vectors, vectors + _vectors(head)
            mine = pooled[:, first] if head.task == "ordinal" else pooled[:, first:vectors]
        name = "logits" if len(heads) == 1 else f"logits_{head.name}"
        layer = _logits_layer(head, initial[own], name, by_output=len(mine.shape) > 2)
        parts.append(layer(mine))
    return parts[0] if len(parts) == 1 else keras.layers.Concatenate(dtype="float32", name="logits")(parts)


def hidden_layer(units: int) -> keras.layers.Layer:
    """A layer between pooling and heads, as BERT's pooler: dense, then tanh."""
    return keras.layers.Dense(
        units,
        activation="tanh",
        kernel_initializer=keras.initializers.TruncatedNormal(stddev=_KERNEL_STDDEV),
        dtype="float32",
        name="hidden",
    )


def vector_count(heads: Sequence[Head]) -> int:
    """Vectors a text if every output looks at the text in its own way: one a logit, for a scale of levels one."""
    return sum(map(_vectors, heads))


def _vectors(head: Head) -> int:
    return 1 if head.task == "ordinal" else head.logits


def _logits_layer(
    head: Head, initial: NDArray[np.float32], name: str, *, by_output: bool
) -> keras.layers.Layer:
    if head.task == "ordinal":
        return CumulativeLogits(initial, dtype="float32", name=name)
    if by_output:
        return LogitsByOutput(initial, dtype="float32", name=name)
    return keras.layers.Dense(
        head.logits,
        kernel_initializer=keras.initializers.TruncatedNormal(stddev=_KERNEL_STDDEV),
        bias_initializer=keras.initializers.Constant(initial),
        dtype="float32",
        name=name,
    )


class LogitsByOutput(keras.layers.Layer):
    """Projects a vector for each output, float32 [batch, logits, width], to its own logit: float32 [batch, logits]."""

    def __init__(self, initial: NDArray[np.float32], **options: Any) -> None:
        """`initial`, float32 [logits], is the bias to start from."""
        super().__init__(**options)
        self._initial = np.asarray(initial, np.float32)

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(
            shape=tuple(shape[1:]),
            initializer=keras.initializers.TruncatedNormal(stddev=_KERNEL_STDDEV),
            name="kernel",
        )
        self.bias = self.add_weight(
            shape=self._initial.shape, initializer=keras.initializers.Constant(self._initial), name="bias"
        )

    def call(self, vectors: Any) -> Any:
        return ops.sum(vectors * self.kernel, axis=-1) + self.bias


class CumulativeLogits(keras.layers.Layer):
    """Logits of "above level k", which all share one projection and differ in an offset that falls with k.

    The proportional-odds model (McCullagh, 1980). Offsets are a first one and positive gaps, so that no level gets a
    negative probability.
    """

    def __init__(self, initial: NDArray[np.float32], **options: Any) -> None:
        """`initial`, float32 [levels - 1], are the offsets to start from, strictly descending if there are several."""
        super().__init__(**options)
        self._initial = np.asarray(initial, np.float32)

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(
            shape=(shape[-1], 1),
            initializer=keras.initializers.TruncatedNormal(stddev=_KERNEL_STDDEV),
            name="kernel",
        )
        self.first = self.add_weight(
            shape=(1,),
            initializer=keras.initializers.Constant(self._initial[:1] / _OFFSET_SCALE),
            name="first",
        )
        gaps = np.maximum(-np.diff(self._initial), 1.0 if not self._initial.any() else 1e-3)
        self.gaps = self.add_weight(
            shape=gaps.shape,
            initializer=keras.initializers.Constant(
                (np.log(np.expm1(gaps)) / _OFFSET_SCALE).astype(np.float32)
            ),
            name="gaps",
        )

    def call(self, pooled: Any) -> Any:
        falls = ops.concatenate([ops.zeros((1,)), ops.cumsum(ops.softplus(_OFFSET_SCALE * self.gaps))])
        return ops.matmul(pooled, self.kernel) + _OFFSET_SCALE * self.first - falls


class Scores(keras.layers.Layer):
    """From logits float32 [batch, logits] to scores float32 [batch, outputs].

    Probabilities of labels, calibrated if the model is; numbers of a regression head in the unit of the data.
    """

    def __init__(self, heads: Sequence[Head], calibration: Calibration | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._heads = tuple(heads)
        # Keras would wrap a dict, as it tracks variables in it.
        self._calibration = tuple((calibration or {}).items())

    def call(self, logits: Any) -> Any:
        return scores_of(self._heads, logits, dict(self._calibration))


def scores_of(heads: Sequence[Head], logits: Any, calibration: Calibration | None = None) -> Any:
    """The arithmetic of `Scores`."""
    logits = calibrated(heads, calibration or {}, logits)
    own = logit_columns(heads)
    parts = [_head_scores(head, logits[:, own[head.name]]) for head in heads]
    return parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=1)


def _head_scores(head: Head, logits: Any) -> Any:
    if head.task == "single_label":
        return ops.softmax(logits, axis=-1)
    if head.task == "ordinal":
        above = ops.sigmoid(logits)
        return ops.concatenate([1.0 - above[:, :1], above[:, :-1] - above[:, 1:], above[:, -1:]], axis=1)
    if head.task == "regression":
        return logits * np.asarray(head.std, np.float32) + np.asarray(head.mean, np.float32)
    return ops.sigmoid(logits)


def decisions(heads: Sequence[Head], scores: tf.Tensor, thresholds: tf.Tensor) -> tf.Tensor:
    """`components.modeling.heads.decide` as TensorFlow operations: bool [batch, outputs]."""
    own = columns(heads)
    parts = []
    for head in heads:
        values = scores[:, own[head.name]]
        if head.task == "multi_label":
            parts.append(values >= thresholds[own[head.name]])
        elif head.task == "regression":
            parts.append(tf.zeros_like(values, tf.bool))
        else:
            best = tf.argmax(values, axis=1, output_type=tf.int32)
            parts.append(best[:, tf.newaxis] == tf.range(len(head.outputs)))
    return parts[0] if len(parts) == 1 else tf.concat(parts, axis=1)
