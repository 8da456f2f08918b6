"""Fused operations against the plain ones that they stand for."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.modeling.gelu import gelu
from components.modeling.training.fused import pieces
from components.modeling.training.fused.operations import Dropout, add_and_normalize, biased_gelu

WIDTH = 6
PIECE_ROWS = 4
EPSILON = 1e-12
SEED = tf.constant([3, 7])


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "_ROWS", PIECE_ROWS)


def values(*shape: int, seed: int, dtype: Any = tf.float32) -> tf.Tensor:
    return tf.cast(np.random.default_rng(seed).normal(size=shape), dtype)


def with_slopes(function: Callable[..., tf.Tensor], arguments: Sequence[tf.Tensor]) -> list[Any]:
    """The answer, and the derivative by each argument of a sum with different factors."""

    @tf.function
    def compute() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            answer = function(*arguments)
            total = tf.reduce_sum(tf.cast(answer, tf.float32) * values(*answer.shape, seed=9))
        return [answer, *tape.gradient(total, arguments)]

    return [tf.cast(tensor, tf.float32).numpy() for tensor in compute()]


def assert_alike(found: list[Any], expected: list[Any], tolerance: float) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("rows", [1, PIECE_ROWS, 3 * PIECE_ROWS - 1])
@pytest.mark.parametrize(("dtype", "tolerance"), [(tf.float32, 2e-6), (tf.bfloat16, 0.02)])
def test_gelu_of_a_biased_value(rows: int, dtype: Any, tolerance: float) -> None:
    x, bias = values(rows, WIDTH, seed=1, dtype=dtype), values(WIDTH, seed=2)
    expected = with_slopes(lambda x, bias: gelu(tf.cast(x, tf.float32) + bias), [x, bias])
    assert_alike(with_slopes(biased_gelu, [x, bias]), expected, tolerance)


def plainly(
    dropout: Dropout | None,
) -> Callable[[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]:
    def compute(
        x: tf.Tensor, bias: tf.Tensor, residual: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor
    ) -> tf.Tensor:
        x, residual = tf.cast(x, tf.float32) + bias, tf.cast(residual, tf.float32)
        if dropout is not None:
            kept = tf.cast(dropout.bits(x), tf.int32) >= dropout.lowest
            x = tf.where(kept, x * (2**16 / (2**16 - dropout.lowest)), 0.0)
        mean, variance = tf.nn.moments(x + residual, axes=[-1], keepdims=True)
        return tf.nn.batch_normalization(x + residual, mean, variance, beta, gamma, EPSILON)

    return compute


@pytest.mark.parametrize("rows", [1, PIECE_ROWS, 3 * PIECE_ROWS - 1])
@pytest.mark.parametrize(
    ("dropout", "dtype", "tolerance"),
    [
        (None, tf.float32, 2e-5),
        (Dropout(0.4, SEED), tf.float32, 2e-5),
        (Dropout(0.4, SEED), tf.bfloat16, 0.04),
    ],
)
def test_normalized_sum(rows: int, dropout: Dropout | None, dtype: Any, tolerance: float) -> None:
    arguments = [
        values(rows, WIDTH, seed=1, dtype=dtype),
        values(WIDTH, seed=2),
        values(rows, WIDTH, seed=3, dtype=dtype),
        values(WIDTH, seed=4),
        values(WIDTH, seed=5),
    ]
    found = with_slopes(lambda *those: add_and_normalize(*those, dropout=dropout, epsilon=EPSILON), arguments)
    assert_alike(found, with_slopes(plainly(dropout), arguments), tolerance)


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_dropout_keeps_its_share_and_the_mean(rate: float) -> None:
    ones = tf.ones([301, 401])
    kept = Dropout(rate, SEED)(ones).numpy()
    assert sorted(set(kept.ravel().tolist())) == pytest.approx([0, 1 / (1 - rate)], rel=1e-4)
    assert (kept == 0).mean() == pytest.approx(rate, abs=0.005)
    # Every other value comes from the same random word.
    assert np.corrcoef(kept.ravel()[0:-1:2], kept.ravel()[1::2])[0, 1] == pytest.approx(0, abs=0.02)
    np.testing.assert_array_equal(kept, Dropout(rate, SEED)(ones).numpy())
    assert (kept != Dropout(rate, SEED + 1)(ones).numpy()).mean() == pytest.approx(
        2 * rate * (1 - rate), abs=0.01
    )


def test_dropout_keeps_the_type_and_has_a_derivative() -> None:
    x = values(3, 5, seed=1, dtype=tf.bfloat16)
    with tf.GradientTape() as tape:
        tape.watch(x)
        kept = Dropout(0.25, SEED)(x)
    assert kept.dtype == tf.bfloat16
    slope = tape.gradient(kept, x)
    np.testing.assert_allclose(
        tf.cast(slope * x, tf.float32).numpy(), tf.cast(kept, tf.float32).numpy(), rtol=0.01
    )


def test_rows_are_cut_into_pieces_that_are_compiled_once() -> None:
    traces = []

    @tf.function(jit_compile=True)
    def doubled(rows: tf.Tensor, shared: tf.Tensor) -> Any:
        traces.append(rows.shape)
        return [2 * rows + shared], [tf.reduce_sum(rows, axis=0)]

    def call(rows: tf.Tensor) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        return pieces.in_pieces(doubled, [rows], [tf.ones([WIDTH])])

    graph = tf.function(call, input_signature=[tf.TensorSpec([None, WIDTH])])
    for count in (1, PIECE_ROWS, 5 * PIECE_ROWS + 2):
        rows = values(count, WIDTH, seed=count)
        (found,), (total,) = graph(rows)
        np.testing.assert_allclose(found, 2 * rows + 1, rtol=1e-6)
        np.testing.assert_allclose(total, keras.ops.sum(rows, axis=0), rtol=1e-4, atol=1e-6)
    assert traces == [(PIECE_ROWS, WIDTH)]
