import numpy as np
import pytest

from components.modeling.pooling import pooling_layer

SEQUENCE = np.float32([[[1, 2], [3, 4], [100, 100]], [[5, 6], [100, 100], [100, 100]]])
MASK = np.int32([[1, 1, 0], [1, 0, 0]])


def test_mean_is_over_tokens_and_not_padding() -> None:
    np.testing.assert_allclose(pooling_layer("mean")(SEQUENCE, MASK), [[2, 3], [5, 6]])


def test_mean_of_no_token_is_zero_and_not_nan() -> None:
    np.testing.assert_array_equal(pooling_layer("mean")(SEQUENCE, np.zeros_like(MASK)), [[0, 0], [0, 0]])


def test_cls_is_the_first_token() -> None:
    np.testing.assert_array_equal(pooling_layer("cls")(SEQUENCE, MASK), [[1, 2], [5, 6]])


def test_an_unknown_pooling_is_refused() -> None:
    with pytest.raises(KeyError):
        pooling_layer("max")  # type: ignore[arg-type]
