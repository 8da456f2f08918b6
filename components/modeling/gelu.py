"""GELU for training: fewer passes over memory than Keras's, and one tensor kept for the gradient in place of eight."""

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

__all__ = ["gelu", "gelu_derivative", "gelu_value", "use_in"]

_LINEAR = 2 * math.sqrt(2 / math.pi)
_CUBIC = _LINEAR * 0.044715


@tf.custom_gradient
def gelu(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """The tanh approximation of GELU (Hendrycks and Gimpel, 2016), by (1 + tanh z) / 2 = sigmoid(2 z).

    Computed in float32 for any float dtype. What the gradient needs is computed again: arithmetic costs less than
    memory here.
    """

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        slope = gelu_derivative(tf.cast(x, tf.float32))
        return tf.cast(slope * tf.cast(upstream, tf.float32), x.dtype)

    return tf.cast(gelu_value(tf.cast(x, tf.float32)), x.dtype), gradient


def gelu_value(x: tf.Tensor) -> tf.Tensor:
    """The formula of `gelu`, in the type of x."""
    return x * tf.sigmoid(x * (_LINEAR + _CUBIC * tf.square(x)))


def gelu_derivative(x: tf.Tensor) -> tf.Tensor:
    """Its derivative at x."""
    square = tf.square(x)
    gate = tf.sigmoid(x * (_LINEAR + _CUBIC * square))
    return gate + x * (_LINEAR + 3 * _CUBIC * square) * (gate - tf.square(gate))


def use_in(backbone: Any) -> None:
    """Lets the layers of a KerasHub backbone that use the same approximation use this one."""
    for layer in backbone._flatten_layers():
        if getattr(getattr(layer, "activation", None), "__name__", "") == "gelu_approximate":
            layer.activation = gelu
