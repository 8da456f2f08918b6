"""An encoder whose layers are trained with fused operations.

KerasHub's layers are made of some ninety operations forward and backward, each of which reads and writes all values of
a batch; on a CPU half to two thirds of a step went into those between the matrix products.
"""

from typing import Any

import keras
import tensorflow as tf

from components.modeling.gelu import gelu
from components.modeling.substitution import with_substitutes
from components.modeling.training.fused.operations import Dropout, add_and_normalize, biased_gelu

__all__ = ["stand_in", "with_fused_layers"]

_MASKED = -1e9
_MIN_WIDTH = 256
"""Narrower encoders are trained in less time than the operations take to compile."""


def with_fused_layers(network: keras.Model) -> keras.Model:
    """The same layers and variables in a model that is trained the same way in less time, where there is a gain.

    Without training, and on accelerators, it computes as the network does.

    Args:
        network: a functional model with one or several KerasHub encoders of the BERT family in it.
    """
    if tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("TPU"):
        return network
    import keras_hub

    def substitute(layer: Any) -> Any:
        if isinstance(layer, keras_hub.layers.TransformerEncoder) and _can_be_fused(layer):
            return _Fused(layer)
        return _Lookup(layer) if isinstance(layer, keras.layers.Embedding) else layer

    return with_substitutes(network, substitute)


def stand_in(trained: keras.Model, layer: keras.layers.Layer) -> keras.layers.Layer:
    """What computes in place of a network's layer in the model of `with_fused_layers`."""
    return next((one for one in trained._flatten_layers() if getattr(one, "_whole", None) is layer), layer)


def _can_be_fused(layer: Any) -> bool:
    width: int = layer._self_attention_layer_norm.gamma.shape[0]
    return width >= _MIN_WIDTH and not layer.normalize_first


class _Lookup(keras.layers.Layer):
    """A Keras `Embedding`, which reads the rows of a batch alone.

    Keras has the whole table read, and TensorFlow copies a variable that is read where it is updated by rows.
    """

    def __init__(self, layer: Any) -> None:
        super().__init__(dtype=layer.dtype_policy, autocast=False, name=f"{layer.name}_rows")
        self._whole = layer

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return tf.cast(tf.gather(self._whole._embeddings._value, inputs), self.compute_dtype)


class _Fused(keras.layers.Layer):
    """A KerasHub `TransformerEncoder`."""

    def __init__(self, layer: Any) -> None:
        super().__init__(dtype=layer.dtype_policy, name=f"{layer.name}_fused")
        self._whole = layer

    def call(self, inputs: tf.Tensor, padding_mask: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        if not training:
            return self._whole(inputs, padding_mask=padding_mask, training=False)
        layer, attention = self._whole, self._whole._self_attention_layer
        inner, outer = layer._feedforward_intermediate_dense, layer._feedforward_output_dense
        rows = tf.reshape(inputs, [-1, inputs.shape[-1]])
        read = self._attend(rows, padding_mask)
        vectors = self._normalized(
            tf.matmul(read, self._matrix(attention._output_dense, rows.shape[1])),
            attention._output_dense,
            rows,
            layer._self_attention_dropout,
            layer._self_attention_layer_norm,
        )
        transformed = self._activated(tf.matmul(vectors, self._matrix(inner, inner.units)), inner)
        vectors = self._normalized(
            tf.matmul(transformed, self._matrix(outer, outer.units)),
            outer,
            vectors,
            layer._feedforward_dropout,
            layer._feedforward_layer_norm,
        )
        return tf.reshape(vectors, tf.shape(inputs))

    def _attend(self, rows: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Self-attention without its output matrix, [tokens, heads x width of a head]."""
        attention = self._whole._self_attention_layer
        heads, width = attention.num_heads, attention.key_dim
        parts = (attention._query_dense, attention._key_dense, attention._value_dense)
        # One product with all three matrices in place of three.
        matrices = tf.concat([self._matrix(part, heads * width) for part in parts], axis=1)
        biases = tf.stack([self._own_type(part.bias) for part in parts])
        shape = tf.shape(mask)
        # Between product and sum, or TensorFlow joins them to a kernel that takes twice as long in bfloat16.
        projected = tf.reshape(tf.matmul(rows, matrices), [shape[0], shape[1], 3, heads, width]) + biases
        query, key, value = tf.unstack(tf.transpose(projected, [2, 0, 3, 1, 4]))
        bias = tf.cast(tf.where(tf.cast(mask, tf.bool), 0.0, _MASKED), rows.dtype)[:, None, None, :]
        scores = tf.matmul(query * tf.cast(width**-0.5, query.dtype), key, transpose_b=True) + bias
        weights = tf.nn.softmax(scores)
        if (dropout := _dropout(attention._dropout_layer)) is not None:
            weights = dropout(weights)
        read = tf.transpose(tf.matmul(weights, value), [0, 2, 1, 3])
        return tf.reshape(read, [-1, heads * width])

    def _activated(self, values: tf.Tensor, dense: Any) -> tf.Tensor:
        if dense.activation is gelu:
            return biased_gelu(values, _float32(dense.bias))
        return dense.activation(tf.nn.bias_add(values, self._own_type(dense.bias)))

    def _normalized(
        self, values: tf.Tensor, dense: Any, residual: tf.Tensor, dropout: Any, norm: Any
    ) -> tf.Tensor:
        return add_and_normalize(
            values,
            _float32(dense.bias),
            residual,
            _float32(norm.gamma),
            _float32(norm.beta),
            dropout=_dropout(dropout),
            epsilon=norm.epsilon,
        )

    def _matrix(self, dense: Any, columns: int) -> tf.Tensor:
        """What a layer multiplies by, LoRA's addition included, in the type that is computed in."""
        return tf.reshape(self._own_type(dense.kernel), [-1, columns])

    def _own_type(self, variable: Any) -> tf.Tensor:
        return tf.cast(tf.convert_to_tensor(variable), self.compute_dtype)


def _float32(variable: Any) -> tf.Tensor:
    return tf.cast(tf.convert_to_tensor(variable), tf.float32)


def _dropout(layer: Any) -> Dropout | None:
    """Of a Keras layer's rate and random state."""
    return Dropout(layer.rate, tf.cast(layer.seed_generator.next(), tf.int64)) if layer.rate else None
