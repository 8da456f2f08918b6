"""The bytes are those of the generated messages, which need TensorFlow."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from serving.client.messages import PredictResponse, prediction_of, request_bytes
from serving.client.target import Target
from serving.errors import InternalError
from serving.tensors import write_tensor

TARGET = Target(url="grpc://localhost:8500", model="mood", version=3)


def test_a_request_is_read_as_it_was_meant() -> None:
    content = request_bytes(TARGET, {"text": ["so sad", "日本 😀", "half \ud800"], "context": ["", "a", "b"]})
    request = predict_pb2.PredictRequest.FromString(content)
    assert (request.model_spec.name, request.model_spec.version.value) == ("mood", 3)
    assert set(request.inputs) == {"text", "context"}
    assert request.inputs["text"].dtype == tf.string
    texts = tf.make_ndarray(request.inputs["text"])
    assert [text.decode() for text in texts] == ["so sad", "日本 😀", "half ?"]


@pytest.mark.parametrize("label", [None, "stable"])
def test_without_a_number_the_server_chooses(label: str | None) -> None:
    target = Target(url="grpc://localhost:8500", version_label=label)
    spec = predict_pb2.PredictRequest.FromString(request_bytes(target, {"text": []})).model_spec
    assert not spec.HasField("version")
    assert spec.version_label == (label or "")


def answer_of(outputs: dict[str, np.ndarray], *, as_content: bool = False) -> PredictResponse:
    response = predict_pb2.PredictResponse()
    response.model_spec.name = "mood"
    response.model_spec.version.value = 3
    for name, array in outputs.items():
        write_tensor(response.outputs[name], array, as_content=as_content)
    return PredictResponse.FromString(response.SerializeToString())


OUTPUTS = {
    "labels": np.array([[b"joy", b"fear", "Ärger".encode()]] * 2, object),
    "scores": np.float32([[0.25, 0.5, 0.75], [0.0, 0.125, 0.5]]),
    "predicted": np.array([[False, True, True], [False, False, False]]),
}


@pytest.mark.parametrize("as_content", [False, True])
def test_answers_are_read_in_both_forms_of_tensors(as_content: bool) -> None:
    prediction = prediction_of(answer_of(OUTPUTS, as_content=as_content), texts=2)
    assert (prediction.model, prediction.version, len(prediction)) == ("mood", 3, 2)
    assert prediction[0].scores == {"joy": 0.25, "fear": 0.5, "Ärger": 0.75}
    assert [answer.predicted for answer in prediction] == [("Ärger", "fear"), ()]


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"y": np.float32([[1.0], [2.0]])}, "answered \\['y'\\]"),
        ({"y": np.float32([1.0, 2.0])}, "has shape \\[2\\]"),
        ({**OUTPUTS, "scores": OUTPUTS["scores"][:1]}, "and not labels, scores and predicted"),
        ({name: array[:1] for name, array in OUTPUTS.items()}, "1 answers to 2 texts"),
    ],
)
def test_another_models_answer_is_named(outputs: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(InternalError, match=message):
        prediction_of(answer_of(outputs), texts=2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"url": "localhost:8500"}, "expected grpc://HOST:PORT"),
        ({"url": "grpc://localhost"}, "needs a port"),
        ({"url": "http://localhost", "version": 1, "version_label": "stable"}, "not both"),
        ({"url": "http://localhost", "ca_file": Path("ca.pem")}, "certificates need"),
    ],
)
def test_a_target_that_cannot_be_is_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Target(**settings)
