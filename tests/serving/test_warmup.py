"""Warm-up requests in TensorFlow Serving's format."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from serving.engine import Tensors
from serving.errors import SavedModelError
from serving.predictor import Predictor
from serving.warmup import WARMUP_FILE, load_warm, write_warmup_requests
from tests.serving.conftest import ToyModel


@pytest.fixture
def copied(toy_model: ToyModel, tmp_path: Path) -> Path:
    return shutil.copytree(toy_model.directory, tmp_path / "1")


def test_the_export_carries_requests_that_tf_serving_can_replay(toy_model: ToyModel) -> None:
    records = tf.data.TFRecordDataset(str(toy_model.directory / "assets.extra" / WARMUP_FILE))
    logs = [PredictionLog.FromString(record) for record in records.as_numpy_iterator()]
    assert 1 <= len(logs) <= 1000, "TensorFlow Serving takes at most 1000"
    for log in logs:
        assert log.predict_log.request.model_spec.signature_name == "serving_default"
        assert tf.make_ndarray(log.predict_log.request.inputs["text"]).ndim == 1


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[list[bytes]]:
    """The texts of every request that a model has answered."""
    texts: list[list[bytes]] = []
    run = Predictor.run

    def noted(predictor: Predictor, name: str, inputs: Tensors, *outputs: Any) -> Any:
        answer = run(predictor, name, inputs, *outputs)
        texts.append(list(inputs["text"]))
        return answer

    monkeypatch.setattr(Predictor, "run", noted)
    return texts


@pytest.mark.parametrize("iterations", [0, 1, 2])
def test_a_model_is_loaded_warm(copied: Path, answered: list[list[bytes]], iterations: int) -> None:
    write_warmup_requests(copied / "assets.extra", [{"text": ["so sad"]}, {"text": ["so happy", "i am"]}])
    load_warm(copied, iterations=iterations).close()
    assert answered == [[b"so sad"]] * iterations + [[b"so happy", b"i am"]] * iterations


def test_a_model_without_requests_is_loaded_too(copied: Path, answered: list[list[bytes]]) -> None:
    (copied / "assets.extra" / WARMUP_FILE).unlink()
    load_warm(copied).close()
    assert answered == []


def test_damaged_requests_refuse_the_model(copied: Path) -> None:
    (copied / "assets.extra" / WARMUP_FILE).write_text("this is no TFRecord file")
    with pytest.raises(SavedModelError, match="verify your warmup data is in TFRecord format"):
        load_warm(copied)


def test_a_request_that_the_model_cannot_answer_refuses_it(copied: Path) -> None:
    with tf.io.TFRecordWriter(str(copied / "assets.extra" / WARMUP_FILE)) as writer:
        log = PredictionLog()
        log.predict_log.request.inputs["words"].CopyFrom(tf.make_tensor_proto(["so sad"]))
        writer.write(log.SerializeToString())
    with pytest.raises(SavedModelError, match="Signature input alias: text"):
        load_warm(copied)


def test_written_requests_hold_the_texts(tmp_path: Path) -> None:
    write_warmup_requests(tmp_path, [{"text": ["a"]}, {"text": ["b", "ü"], "context": ["", "c"]}])
    records = list(tf.data.TFRecordDataset(str(tmp_path / WARMUP_FILE)).as_numpy_iterator())
    requests = [PredictionLog.FromString(record).predict_log.request.inputs for record in records]
    texts = [{name: list(tensor.string_val) for name, tensor in inputs.items()} for inputs in requests]
    assert texts == [{"text": [b"a"]}, {"text": [b"b", "ü".encode()], "context": [b"", b"c"]}]
