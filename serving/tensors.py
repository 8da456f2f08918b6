"""Arrays to TensorProto and back: the wire form of gRPC requests."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto

from serving.errors import InvalidArgumentError

__all__ = ["from_protos", "to_proto"]

_VALUE_FIELDS = {
    tf.float32: "float_val",
    tf.float64: "double_val",
    tf.int8: "int_val",
    tf.int16: "int_val",
    tf.int32: "int_val",
    tf.uint8: "int_val",
    tf.uint16: "int_val",
    tf.int64: "int64_val",
    tf.uint32: "uint32_val",
    tf.uint64: "uint64_val",
    tf.bool: "bool_val",
    tf.string: "string_val",
}


def from_protos(protos: Mapping[str, Any]) -> dict[str, npt.NDArray[Any]]:
    """Decodes the TensorProtos of a request; strings become object arrays of bytes.

    Raises:
        InvalidArgumentError: a tensor cannot be parsed.
    """
    return {name: _from_proto(name, proto) for name, proto in protos.items()}


_MAX_REPEATED = 2**16
"""Elements that a tensor may have beyond those that are sent: the last one stands for the rest (tensor.proto)."""


def _from_proto(name: str, proto: Any) -> npt.NDArray[Any]:
    elements = math.prod(dim.size for dim in proto.tensor_shape.dim)
    # Twenty bytes that say "2,147,483,648 times this one" must not take 16 GiB.
    if elements > _MAX_REPEATED and elements > proto.ByteSize():
        raise InvalidArgumentError(
            f"tensor parsing error: {name} has {elements} elements by its shape, but not so many are sent"
        )
    try:
        array: npt.NDArray[Any] = tf.make_ndarray(proto)
    except (TypeError, ValueError, KeyError, MemoryError) as err:
        raise InvalidArgumentError(f"tensor parsing error: {name}") from err
    return array


def to_proto(array: npt.NDArray[Any], *, as_content: bool = False) -> Any:
    """Encodes an array as TensorFlow Serving does: in the typed field (`float_val`, …).

    With `as_content` in `tensor_content`, which is faster to read; strings never stand there.
    """
    dtype = tf.as_dtype(array.dtype)
    proto = TensorProto(dtype=dtype.as_datatype_enum, tensor_shape=tf.TensorShape(array.shape).as_proto())
    if as_content and array.dtype != object:
        proto.tensor_content = array.tobytes()
        return proto
    values = np.ravel(array).tolist()
    getattr(proto, _VALUE_FIELDS[dtype]).extend(values)
    return proto
