"""`model.tflite` in place of the SavedModel."""

import shutil
import sys
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

from serving.engine import LoadOptions
from serving.errors import SavedModelError
from serving.predictor import Predictor

PREFER = LoadOptions(prefer_tflite=True)


@pytest.fixture(scope="module")
def content() -> bytes:
    """y = x / 2 + 5, for rows of one number."""
    x = tf.keras.Input((1,), batch_size=1, name="x")
    model = tf.keras.Model(x, tf.keras.layers.Rescaling(0.5, 5.0)(x))
    converted: bytes = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    return converted


@pytest.fixture
def directory(half_plus_two: Path, tmp_path: Path) -> Path:
    return shutil.copytree(half_plus_two, tmp_path / "1")


def with_signature(content: bytes) -> bytes:
    """The file as TensorFlow Serving's tools write it: SignatureDefs in the metadata."""
    model = schema.ModelT.InitFromPackedBuf(content)
    graph = model.subgraphs[0]
    definition = SignatureDef(method_name="tensorflow/serving/predict")
    for side, name, index in (
        (definition.inputs, "number", graph.inputs[0]),
        (definition.outputs, "half", graph.outputs[0]),
    ):
        side[name].name = graph.tensors[index].name.decode()
        side[name].dtype = tf.float32.as_datatype_enum
    builder = flexbuffers.Builder()
    with builder.Map():
        builder.Key("serving_default")
        builder.String(definition.SerializeToString().decode("ascii"))
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(builder.Finish(), np.uint8)
    metadata = schema.MetadataT()
    metadata.name, metadata.buffer = "signature_defs_metadata", len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), metadata]
    packed = flatbuffers.Builder(1024)
    packed.Finish(model.Pack(packed), b"TFL3")
    return bytes(packed.Output())


def half(predictor: Predictor, *numbers: float) -> list[float]:
    (name,) = predictor.signature("").inputs
    (output,) = predictor.run("", {name: np.float32([[number] for number in numbers])}).values()
    return output.ravel().tolist()


def test_it_is_preferred_if_so_wanted(content: bytes, directory: Path) -> None:
    (directory / "model.tflite").write_bytes(content)
    predictor = Predictor(directory, PREFER)
    assert half(predictor, 2.0) == [6.0]
    assert half(predictor, 2.0, 4.0, 6.0) == [6.0, 7.0, 8.0], "any number of rows"
    predictor.close()
    saved_model = Predictor(directory)
    assert saved_model.run("", {"x": np.float32([2.0])})["y"].tolist() == [3.0]
    saved_model.close()


def test_its_metadata_name_the_tensors(content: bytes, directory: Path) -> None:
    (directory / "model.tflite").write_bytes(with_signature(content))
    predictor = Predictor(directory, PREFER)
    assert list(predictor.signature("").inputs) == ["number"]
    assert predictor.run("", {"number": np.float32([[2.0]])})["half"].tolist() == [[6.0]]
    predictor.close()


def test_without_such_a_file_the_saved_model_answers(directory: Path) -> None:
    predictor = Predictor(directory, PREFER)
    assert predictor.run("", {"x": np.float32([2.0])})["y"].tolist() == [3.0]
    predictor.close()


def test_a_broken_file_is_refused(directory: Path) -> None:
    (directory / "model.tflite").write_bytes(b"broken")
    with pytest.raises(SavedModelError, match=r"model\.tflite: cannot be loaded"):
        Predictor(directory, PREFER)


def test_what_it_needs_is_named(content: bytes, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    (directory / "model.tflite").write_bytes(content)
    with pytest.raises(SavedModelError, match=r"model\.tflite: needs LiteRT; `pip install ai-edge-litert`"):
        Predictor(directory, PREFER)
