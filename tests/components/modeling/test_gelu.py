"""GELU for training against Keras's."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.modeling.encoder import load_backbone, resolve_encoder
from components.modeling.gelu import gelu

VALUES = np.concatenate([np.linspace(-12, 12, 4801), [-1e4, -100.0, 0.0, 100.0, 1e4]]).astype(np.float32)


def value_and_slope(function, values):
    x = tf.constant(values)
    with tf.GradientTape() as tape:
        tape.watch(x)
        answer = function(x)
    return answer.numpy(), tape.gradient(answer, x).numpy()


def keras_gelu(x):
    return keras.activations.gelu(x, approximate=True)


def test_float32_answers_and_slopes_are_those_of_keras():
    # Where tanh saturates, Keras answers 0 a little early.
    for found, expected in zip(
        value_and_slope(gelu, VALUES), value_and_slope(keras_gelu, VALUES), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=2e-6, atol=5e-6)


def test_bfloat16_rounds_the_float32_answer_and_no_step_before_it():
    narrow = tf.cast(VALUES, tf.bfloat16)
    expected, expected_slope = value_and_slope(gelu, tf.cast(narrow, tf.float32).numpy())
    with tf.GradientTape() as tape:
        tape.watch(narrow)
        found = gelu(narrow)
    assert found.dtype == tf.bfloat16
    np.testing.assert_array_equal(found.numpy(), tf.cast(expected, tf.bfloat16).numpy())
    slope = tape.gradient(found, narrow)
    np.testing.assert_array_equal(slope.numpy(), tf.cast(expected_slope, tf.bfloat16).numpy())


@pytest.mark.parametrize("dropout", [None, 0.2])
def test_every_feed_forward_layer_of_an_encoder_uses_it(dropout):
    backbone = load_backbone(resolve_encoder("tiny-random"), dropout=dropout)
    layers = [layer for layer in backbone._flatten_layers() if "intermediate" in layer.name]
    assert len(layers) == 2
    assert all(layer.activation is gelu for layer in layers)
