import numpy as np
import pytest
from numpy.typing import NDArray

from components.modeling.pooling import FirstSegment, SecondSegment, pooling_layer

SEQUENCE = np.float32([[[1, 2], [3, 4], [100, 100]], [[5, 6], [100, 100], [100, 100]]])
MASK = np.int32([[1, 1, 0], [1, 0, 0]])


def test_mean_is_over_tokens_and_not_padding() -> None:
    np.testing.assert_allclose(pooling_layer("mean")(SEQUENCE, MASK), [[2, 3], [5, 6]])


def test_mean_of_no_token_is_zero_and_not_nan() -> None:
    np.testing.assert_array_equal(pooling_layer("mean")(SEQUENCE, np.zeros_like(MASK)), [[0, 0], [0, 0]])


def test_cls_is_the_first_token() -> None:
    np.testing.assert_array_equal(pooling_layer("cls")(SEQUENCE, MASK), [[1, 2], [5, 6]])


def test_max_is_over_tokens_and_not_padding() -> None:
    np.testing.assert_array_equal(pooling_layer("max")(-SEQUENCE, MASK), [[-1, -2], [-5, -6]])


def test_the_second_segment_is_the_text_and_a_text_that_stands_alone_is_whole() -> None:
    mask = np.int32([[1, 1, 1, 1, 0], [1, 1, 1, 0, 0]])
    segments = np.int32([[0, 0, 1, 1, 0], [0, 0, 0, 0, 0]])
    found = SecondSegment()(mask, segments)
    np.testing.assert_array_equal(found, [[0, 0, 1, 1, 0], [1, 1, 1, 0, 0]])
    found = FirstSegment()(mask, segments)
    np.testing.assert_array_equal(found, [[1, 1, 0, 0, 0], [1, 1, 1, 0, 0]])


def _softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(values - values.max())
    return powers / powers.sum()


def test_attention_starts_as_the_mean() -> None:
    np.testing.assert_allclose(pooling_layer("attention")(SEQUENCE, MASK), [[2, 3], [5, 6]], rtol=1e-6)
    by_label = pooling_layer("label_attention", queries=3)(SEQUENCE, MASK)
    np.testing.assert_allclose(by_label, np.repeat([[[2, 3]], [[5, 6]]], 3, axis=1), rtol=1e-6)


@pytest.mark.parametrize("queries", [1, 4])
def test_attention_weighs_by_the_softmax_of_fits_and_by_label_only_by_half(queries: int) -> None:
    generator = np.random.default_rng(0)
    sequence = generator.normal(size=(3, 5, 6)).astype(np.float32)
    lengths = [5, 2, 1]
    mask = (np.arange(5) < np.array(lengths)[:, None]).astype(np.int32)
    layer = pooling_layer("label_attention", queries=queries)
    layer(sequence, mask)
    weights = generator.normal(size=(6, queries)).astype(np.float32)
    layer.queries.assign(weights)
    found = layer(sequence, mask).numpy()
    for row, length in enumerate(lengths):
        tokens = sequence[row, :length].astype(np.float64)
        for query in range(queries):
            expected = (_softmax(tokens @ weights[:, query]) + 1 / length) / 2 @ tokens
            np.testing.assert_allclose(found[row, query], expected, rtol=1e-4, atol=1e-6)
    if queries == 1:
        single = pooling_layer("attention")
        single(sequence, mask)
        single.queries.assign(weights)
        mean = pooling_layer("mean")(sequence, mask).numpy()
        np.testing.assert_allclose((single(sequence, mask) + mean) / 2, found[:, 0], rtol=1e-5, atol=1e-6)
