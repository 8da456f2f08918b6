"""Runs the `model.tflite` of a version directory, as TensorFlow Serving does with `--prefer_tflite_model`."""

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef, TensorInfo

from serving.engine import Tensors
from serving.errors import InvalidArgumentError, SavedModelError

__all__ = ["TFLITE_FILE", "TFLiteEngine"]

TFLITE_FILE = "model.tflite"

_PREDICT = "tensorflow/serving/predict"
_SIGNATURES = b"signature_defs_metadata"
"""Name of the metadata in which TensorFlow Serving's tools keep SignatureDef protos
(tensorflow/lite/tools/signature/signature_def_util.h): a FlexBuffer map from name to proto."""


class TFLiteEngine:
    """An `Engine` on one interpreter: calls run one after the other.

    Signatures are those that the file's metadata hold; a file without them has one `serving_default` with the names
    of its tensors.

    Raises:
        SavedModelError: the file cannot be loaded, or `ai-edge-litert` is not installed.
    """

    def __init__(self, directory: Path) -> None:
        path = directory / TFLITE_FILE
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ModuleNotFoundError as err:
            raise SavedModelError(f"{path}: needs LiteRT; `pip install ai-edge-litert`") from err
        try:
            content = path.read_bytes()
            self._interpreter = Interpreter(model_content=content)
            self._interpreter.allocate_tensors()
            self.signature_defs: Mapping[str, Any] = dict(_stored_signatures(content))
        except (OSError, ValueError, RuntimeError) as err:
            raise SavedModelError(f"{path}: cannot be loaded ({err}); export it again") from err
        self._lock = threading.Lock()
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        self._inputs = {one["name"].removesuffix(":0"): one["index"] for one in inputs}
        self._outputs = {one["name"].removesuffix(":0"): one["index"] for one in outputs}
        if not self.signature_defs:
            self.signature_defs = {"serving_default": _signature_of_tensors(inputs, outputs)}

    def close(self) -> None:
        """Frees the model."""
        del self._interpreter

    def compute(
        self, signature_name: str, inputs: Tensors, outputs: tuple[str, ...]
    ) -> dict[str, npt.NDArray[Any]]:
        """Runs the one graph of the file, with the signature's names."""
        definition = self.signature_defs[signature_name]
        with self._lock:
            try:
                for alias, array in inputs.items():
                    index = self._inputs[definition.inputs[alias].name.removesuffix(":0")]
                    self._interpreter.resize_tensor_input(index, list(array.shape))
                self._interpreter.allocate_tensors()
                for alias, array in inputs.items():
                    index = self._inputs[definition.inputs[alias].name.removesuffix(":0")]
                    self._interpreter.set_tensor(index, array)
                self._interpreter.invoke()
            except (ValueError, RuntimeError) as err:
                raise InvalidArgumentError(str(err)) from err
            return {
                alias: self._interpreter.get_tensor(
                    self._outputs[definition.outputs[alias].name.removesuffix(":0")]
                )
                for alias in outputs
            }


def _signature_of_tensors(inputs: list[dict[str, Any]], outputs: list[dict[str, Any]]) -> Any:
    definition = SignatureDef(method_name=_PREDICT)
    for tensors, side in ((inputs, definition.inputs), (outputs, definition.outputs)):
        for one in tensors:
            info = TensorInfo(name=one["name"], dtype=tf.as_dtype(_dtype(one)).as_datatype_enum)
            for size in one["shape_signature"]:
                info.tensor_shape.dim.add(size=int(size))
            side[one["name"]].CopyFrom(info)
    return definition


def _dtype(details: Mapping[str, Any]) -> Any:
    return tf.string if details["dtype"] in (np.bytes_, np.str_) else details["dtype"]


def _stored_signatures(content: bytes) -> Iterator[tuple[str, Any]]:
    from ai_edge_litert.schema_py_generated import Model
    from flatbuffers import flexbuffers

    model = Model.GetRootAs(content)
    for position in range(model.MetadataLength()):
        metadata = model.Metadata(position)
        if metadata.Name() == _SIGNATURES:
            stored = model.Buffers(metadata.Buffer()).DataAsNumpy().tobytes()
            signatures = flexbuffers.GetRoot(bytearray(stored)).AsMap
            for name, definition in zip(signatures.Keys, signatures.Values, strict=True):
                yield name.AsKey, SignatureDef.FromString(definition.AsStringBytes)
