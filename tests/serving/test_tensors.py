"""Arrays to TensorProto and back."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto

from serving.errors import InvalidArgumentError
from serving.tensors import from_protos, write_tensor

STRINGS = np.empty((2, 1), object)
STRINGS[:, 0] = [b"a\x00\x00", b"\xff"]


@pytest.mark.parametrize(
    "array",
    [
        np.float32([[0.1, 2], [3, 4]]),
        np.float64(3.5),
        np.int32([-1, 2**31 - 1]),
        np.int64([[2**62]]),
        np.uint8([255]),
        np.uint64([2**64 - 1]),
        np.array([[True], [False]]),
        np.zeros((0, 3), np.float32),
        np.array([0.1, 2], tf.bfloat16.as_numpy_dtype),
        np.complex64([1 + 2j]),
        STRINGS,
    ],
    ids=lambda array: f"{np.asarray(array).dtype}{np.shape(array)}",
)
def test_there_and_back(array: np.ndarray) -> None:
    array = np.asarray(array)
    proto = TensorProto()
    write_tensor(proto, array)
    back = from_protos({"x": proto})["x"]
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tolist() == array.tolist()


def test_values_stand_in_the_typed_field() -> None:
    proto = TensorProto()
    write_tensor(proto, np.float32([1.5, 2.5]))
    assert list(proto.float_val) == [1.5, 2.5]
    assert not proto.tensor_content


def test_packed_content_is_read() -> None:
    proto = tf.make_tensor_proto(np.arange(6, dtype=np.int32).reshape(2, 3))
    assert proto.tensor_content
    assert from_protos({"x": proto})["x"].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"dtype": 1, "float_val": [1.0, 2.0, 3.0], "tensor_shape": tf.TensorShape([2]).as_proto()},
        {"dtype": 1, "tensor_content": b"123", "tensor_shape": tf.TensorShape([1]).as_proto()},
        {"dtype": 7, "tensor_shape": {"dim": [{"size": 0}, {"size": -1}]}},
        {"dtype": 7, "tensor_shape": {"dim": [{"size": -1}, {"size": -1}]}, "string_val": [b"a"]},
        {"dtype": 999},
    ],
)
def test_what_cannot_be_parsed_is_named(fields: dict[str, object]) -> None:
    with pytest.raises(InvalidArgumentError, match=r"^tensor parsing error: words$"):
        from_protos({"words": TensorProto(**fields)})


def test_few_bytes_do_not_become_gigabytes() -> None:
    """The last value may stand for the rest, as tensor.proto says: for so many, and not for 2,147,483,648 texts."""
    proto = TensorProto(dtype=tf.string.as_datatype_enum, string_val=[b"a", b"b"])
    proto.tensor_shape.dim.add(size=5)
    assert from_protos({"text": proto})["text"].tolist() == [b"a", b"b", b"b", b"b", b"b"]
    proto.tensor_shape.dim[0].size = 2**31
    with pytest.raises(InvalidArgumentError, match="text has 2147483648 elements by its shape"):
        from_protos({"text": proto})
