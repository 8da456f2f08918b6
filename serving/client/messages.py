"""Predict's messages, with the field numbers of tensorflow_serving/apis and tensorflow/core/framework.

The package `tensorflow-serving-api` has them, too, but imports TensorFlow: seconds and hundreds of megabytes for a
service that only asks. The bytes are the same; a test compares them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from serving.client.answers import Prediction, prediction
from serving.client.target import Target
from serving.errors import InternalError
from serving.proto_schemas import message_classes

__all__ = ["PredictResponse", "prediction_of", "request_bytes"]

_HERE = ".tensorflow.serving."
_CLASSES = message_classes(
    "tensorflow.serving",
    {
        "ModelSpec": [
            (1, "name", "string"),
            (2, "version", ".google.protobuf.Int64Value"),
            (3, "signature_name", "string"),
            (4, "version_label", "string"),
        ],
        "Axis": [(1, "size", "int64")],
        "TensorShape": [(2, "dim", f"repeated {_HERE}Axis")],
        "Tensor": [
            (1, "dtype", "int32"),
            (2, "tensor_shape", f"{_HERE}TensorShape"),
            (4, "tensor_content", "bytes"),
            (5, "float_val", "repeated float"),
            (8, "string_val", "repeated bytes"),
            (11, "bool_val", "repeated bool"),
        ],
        # A map is a list of such entries on the wire.
        "NamedTensor": [(1, "key", "string"), (2, "value", f"{_HERE}Tensor")],
        "PredictRequest": [
            (1, "model_spec", f"{_HERE}ModelSpec"),
            (2, "inputs", f"repeated {_HERE}NamedTensor"),
        ],
        "PredictResponse": [
            (1, "outputs", f"repeated {_HERE}NamedTensor"),
            (2, "model_spec", f"{_HERE}ModelSpec"),
        ],
    },
)
PredictResponse = _CLASSES["PredictResponse"]

_FLOAT, _STRING, _BOOL = 1, 7, 10
"""`DataType` of tensorflow/core/framework/types.proto."""
_CONTENT_FORMATS = {_FLOAT: "f", _BOOL: "?"}


def request_bytes(target: Target, inputs: Mapping[str, Sequence[str]]) -> bytes:
    """A serialized PredictRequest; halves of surrogate pairs in texts become question marks."""
    request = _CLASSES["PredictRequest"]()
    request.model_spec.name = target.model
    if target.version is not None:
        request.model_spec.version.value = target.version
    if target.version_label is not None:
        request.model_spec.version_label = target.version_label
    for name, texts in inputs.items():
        tensor = request.inputs.add(key=name).value
        tensor.dtype = _STRING
        tensor.tensor_shape.dim.add(size=len(texts))
        tensor.string_val.extend(text.encode("utf-8", errors="replace") for text in texts)
    content: bytes = request.SerializeToString()
    return content


def prediction_of(response: Any, *, texts: int) -> Prediction:
    """The answers of a PredictResponse.

    Raises:
        InternalError: it is not an answer to texts.
    """
    spec = response.model_spec
    columns = {output.key: _rows(output.key, output.value) for output in response.outputs}
    return prediction(columns, texts=texts, model=spec.name, version=spec.version.value)


def _rows(name: str, tensor: Any) -> list[list[object]]:
    """The rows of a tensor of two axes."""
    sizes = [axis.size for axis in tensor.tensor_shape.dim]
    values = _values(tensor)
    if len(sizes) != 2 or len(values) != sizes[0] * sizes[1]:
        raise InternalError(
            f"output {name} has shape {sizes} and {len(values)} values; expected [texts, outputs]"
        )
    return [values[start : start + sizes[1]] for start in range(0, len(values), sizes[1] or 1)]


def _values(tensor: Any) -> list[object]:
    if tensor.dtype == _STRING:
        return [value.decode("utf-8", errors="replace") for value in tensor.string_val]
    if tensor.tensor_content and tensor.dtype in _CONTENT_FORMATS:
        # TensorFlow writes it in the order of its machine, which is little-endian wherever it runs.
        return memoryview(tensor.tensor_content).cast(_CONTENT_FORMATS[tensor.dtype]).tolist()  # type: ignore[call-overload, no-any-return]
    return list(tensor.float_val if tensor.dtype == _FLOAT else tensor.bool_val)
