"""What stands between the matrix products of a transformer layer, with its derivatives, each in one pass over memory.

All compute in float32 and answer in the type of their input. Between forward and backward nothing is kept but their
arguments: what the derivative needs is computed again, for arithmetic costs less than memory here.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import tensorflow as tf

from components.modeling.gelu import gelu_derivative, gelu_value
from components.modeling.training.fused.pieces import in_pieces

__all__ = ["Dropout", "add_and_normalize", "biased_gelu"]

_STEPS = 2**16


class Dropout:
    """Which values stay, by 16 random bits for each: half of what TensorFlow's own dropout draws.

    Args:
        rate: share of the values that go, to 1 / 65,536.
        seed: int32 or int64 [2].
    """

    def __init__(self, rate: float, seed: tf.Tensor) -> None:
        self.lowest = round(rate * _STEPS)
        self._seed = seed

    def bits(self, like: tf.Tensor) -> tf.Tensor:
        """uint16, in the shape of a tensor: values stay whose bits are not below `lowest`."""
        count = tf.size(like)
        words = tf.random.stateless_uniform(
            [(count + 1) // 2], self._seed, minval=None, maxval=None, dtype=tf.int32
        )
        return tf.reshape(tf.reshape(tf.bitcast(words, tf.uint16), [-1])[:count], tf.shape(like))

    def __call__(self, values: tf.Tensor) -> tf.Tensor:
        """The values without those that go; the others are scaled so that the mean stays."""
        return values * _factors(self.bits(values), self.lowest, values.dtype)


def _factors(bits: tf.Tensor, lowest: int, dtype: tf.DType) -> tf.Tensor:
    return tf.cast(bits >= lowest, dtype) * tf.cast(_STEPS / (_STEPS - lowest), dtype)


@tf.custom_gradient
def biased_gelu(x: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], Any]]:
    """gelu(x + bias) of x [rows, width] and bias float32 [width]."""

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        (of_x,), (of_bias,) = in_pieces(_gelu_backward, [x, upstream], [bias])
        return of_x, of_bias

    (answer,), _ = in_pieces(_gelu_forward, [x], [bias])
    return answer, gradient


@tf.function(jit_compile=True, autograph=False)
def _gelu_forward(x: tf.Tensor, bias: tf.Tensor) -> Any:
    return [tf.cast(gelu_value(tf.cast(x, tf.float32) + bias), x.dtype)], []


@tf.function(jit_compile=True, autograph=False)
def _gelu_backward(x: tf.Tensor, upstream: tf.Tensor, bias: tf.Tensor) -> Any:
    slope = gelu_derivative(tf.cast(x, tf.float32) + bias) * tf.cast(upstream, tf.float32)
    return [tf.cast(slope, x.dtype)], [tf.reduce_sum(slope, axis=0)]


def add_and_normalize(
    x: tf.Tensor,
    bias: tf.Tensor,
    residual: tf.Tensor,
    gamma: tf.Tensor,
    beta: tf.Tensor,
    *,
    dropout: Dropout | None,
    epsilon: float,
) -> tf.Tensor:
    """LayerNorm(dropout(x + bias) + residual) x gamma + beta.

    Args:
        x: [rows, width], as `residual`.
        bias: float32 [width], as `gamma` and `beta`.
        residual: what is added.
        gamma: scales what is normalized.
        beta: is added to it.
        dropout: None keeps all values.
        epsilon: is added to the variance.
    """
    bits = [] if dropout is None else [dropout.bits(x)]
    forward, backward = _normalizer(dropout.lowest if dropout else 0, epsilon)

    @tf.custom_gradient
    def normalized(
        x: tf.Tensor, residual: tf.Tensor, *shared: tf.Tensor
    ) -> tuple[tf.Tensor, Callable[[tf.Tensor], Any]]:
        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, ...]:
            rows, sums = in_pieces(backward, [x, residual, upstream, *bits], shared)
            return (*rows, *sums)

        (answer,), _ = in_pieces(forward, [x, residual, *bits], shared)
        return answer, gradient

    return normalized(x, residual, bias, gamma, beta)


@cache
def _normalizer(lowest: int, epsilon: float) -> tuple[Any, Any]:
    """Forward and backward, compiled for a rate of dropout; `lowest` 0: there are no bits."""

    def added(
        x: tf.Tensor, residual: tf.Tensor, bits: tuple[tf.Tensor, ...], bias: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor | float]:
        factors = _factors(bits[0], lowest, tf.float32) if bits else 1.0
        return (tf.cast(x, tf.float32) + bias) * factors + tf.cast(residual, tf.float32), factors

    def standardized(values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        centered = values - tf.reduce_mean(values, axis=-1, keepdims=True)
        scale = tf.math.rsqrt(tf.reduce_mean(tf.square(centered), axis=-1, keepdims=True) + epsilon)
        return centered * scale, scale

    @tf.function(jit_compile=True, autograph=False)
    def forward(x: tf.Tensor, residual: tf.Tensor, *others: tf.Tensor) -> Any:
        *bits, bias, gamma, beta = others
        values, _ = added(x, residual, tuple(bits), bias)
        return [tf.cast(standardized(values)[0] * gamma + beta, x.dtype)], []

    @tf.function(jit_compile=True, autograph=False)
    def backward(x: tf.Tensor, residual: tf.Tensor, upstream: tf.Tensor, *others: tf.Tensor) -> Any:
        *bits, bias, gamma, _ = others
        values, factors = added(x, residual, tuple(bits), bias)
        normal, scale = standardized(values)
        upstream = tf.cast(upstream, tf.float32)
        scaled = upstream * gamma
        of_values = scale * (
            scaled
            - tf.reduce_mean(scaled, axis=-1, keepdims=True)
            - normal * tf.reduce_mean(scaled * normal, axis=-1, keepdims=True)
        )
        of_x = of_values * factors
        return [tf.cast(of_x, x.dtype), tf.cast(of_values, residual.dtype)], [
            tf.reduce_sum(part, axis=0) for part in (of_x, upstream * normal, upstream)
        ]

    return forward, backward
