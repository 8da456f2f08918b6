"""The gRPC API over a real channel."""

from collections.abc import Iterator

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from serving.predictor import Predictor
from serving.server import ModelServer
from tests.serving.conftest import LABELS, TEXTS

TIMEOUT_S = 60


@pytest.fixture(scope="module")
def channel(server: ModelServer) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield channel


@pytest.fixture(scope="module")
def predictions(channel: grpc.Channel) -> prediction_service_pb2_grpc.PredictionServiceStub:
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="module")
def models(channel: grpc.Channel) -> model_service_pb2_grpc.ModelServiceStub:
    return model_service_pb2_grpc.ModelServiceStub(channel)


def predict_request(texts=("so sad",), name="emotion", **spec: object) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest(output_filter=spec.pop("output_filter", ()))
    request.model_spec.name = name
    fill_spec(request.model_spec, **spec)
    request.inputs["text"].CopyFrom(tf.make_tensor_proto(list(texts), dtype=tf.string))
    return request


def fill_spec(spec, *, version=None, label=None, signature="") -> None:
    spec.signature_name = signature
    if version is not None:
        spec.version.value = version
    if label is not None:
        spec.version_label = label


def classify_request(*texts: str, signature: str = "classify") -> classification_pb2.ClassificationRequest:
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name = "emotion"
    request.model_spec.signature_name = signature
    for text in texts:
        example = request.input.example_list.examples.add()
        example.features.feature["text"].bytes_list.value.append(text.encode())
    return request


def test_predict_answers_in_typed_fields(predictions, predictor: Predictor) -> None:
    response = predictions.Predict(predict_request(TEXTS), TIMEOUT_S)
    assert response.model_spec.name == "emotion"
    assert response.model_spec.version.value == 7
    assert response.model_spec.signature_name == "serving_default"
    scores = response.outputs["scores"]
    assert scores.dtype == 1
    assert len(scores.float_val) == len(TEXTS) * len(LABELS)
    expected = [answer.scores for answer in predictor.predict(TEXTS)]
    np.testing.assert_allclose(tf.make_ndarray(scores), expected, atol=1e-5)
    assert tf.make_ndarray(response.outputs["labels"])[0].tolist() == [label.encode() for label in LABELS]
    assert list(response.outputs["predicted"].bool_val) == [
        yes for answer in predictor.predict(TEXTS) for yes in answer.decided
    ]


def test_output_filter_and_explicit_version(predictions) -> None:
    response = predictions.Predict(predict_request(version=7, output_filter=["scores"]), TIMEOUT_S)
    assert set(response.outputs) == {"scores"}


def test_classify(predictions, predictor: Predictor) -> None:
    response = predictions.Classify(classify_request("so sad", "I am happy"), TIMEOUT_S)
    assert response.model_spec.signature_name == "classify"
    assert response.model_spec.version.value == 7
    rows = response.result.classifications
    assert [[item.label for item in row.classes] for row in rows] == [list(LABELS)] * 2
    expected = [answer.scores for answer in predictor.predict(["so sad", "I am happy"])]
    np.testing.assert_allclose([[item.score for item in row.classes] for row in rows], expected, atol=1e-5)


def test_classify_with_a_shared_context(predictions, predictor: Predictor) -> None:
    request = classify_request()
    listed = request.input.example_list_with_context
    listed.context.features.feature["text"].bytes_list.value.append(b"so sad")
    listed.examples.add()
    listed.examples.add().features.feature["text"].bytes_list.value.append(b"I am happy")
    rows = predictions.Classify(request, TIMEOUT_S).result.classifications
    expected = [answer.scores for answer in predictor.predict(["so sad", "I am happy"])]
    np.testing.assert_allclose([[item.score for item in row.classes] for row in rows], expected, atol=1e-5)


@pytest.fixture(scope="module")
def large_predictions(
    large_server: ModelServer,
) -> Iterator[prediction_service_pb2_grpc.PredictionServiceStub]:
    with grpc.insecure_channel(f"127.0.0.1:{large_server.port}") as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


def regress_request(*texts: str, signature: str = "regress_valence") -> regression_pb2.RegressionRequest:
    request = regression_pb2.RegressionRequest(input=classify_request(*texts).input)
    request.model_spec.name = "emotion"
    request.model_spec.signature_name = signature
    return request


def multi_inference_request(
    *tasks: tuple[str, str], name: str = "emotion"
) -> inference_pb2.MultiInferenceRequest:
    """One task for each signature and method, on two texts."""
    request = inference_pb2.MultiInferenceRequest(input=classify_request("so sad", "I am happy").input)
    for signature, method in tasks:
        task = request.tasks.add(method_name=f"tensorflow/serving/{method}")
        task.model_spec.name = name
        task.model_spec.signature_name = signature
    return request


def test_regress(large_predictions, large_predictor: Predictor) -> None:
    response = large_predictions.Regress(regress_request("so sad", "I am happy"), TIMEOUT_S)
    assert response.model_spec.name == "emotion"
    assert response.model_spec.signature_name == "regress_valence"
    assert response.model_spec.version.value == 7
    expected = [answer.scores[5] for answer in large_predictor.predict(["so sad", "I am happy"])]
    np.testing.assert_allclose([one.value for one in response.result.regressions], expected, atol=1e-5)


def test_regress_reads_the_feature_context(large_predictions, large_predictor: Predictor) -> None:
    request = regress_request("so sad")
    (example,) = request.input.example_list.examples
    example.features.feature["context"].bytes_list.value.append(b"I am happy")
    (regression,) = large_predictions.Regress(request, TIMEOUT_S).result.regressions
    (answer,) = large_predictor.predict(["so sad"], contexts=["I am happy"])
    assert regression.value == pytest.approx(answer.scores[5], abs=1e-5)
    assert regression.value != pytest.approx(large_predictor.predict(["so sad"])[0].scores[5], abs=1e-3)


def test_multi_inference(large_predictions) -> None:
    tasks = [("regress_arousal", "regress"), ("classify_sentiment", "classify")]
    response = large_predictions.MultiInference(multi_inference_request(*tasks), TIMEOUT_S)
    numbers, classes = response.results
    assert [result.model_spec.signature_name for result in response.results] == [name for name, _ in tasks]
    assert {result.model_spec.version.value for result in response.results} == {7}
    alone = large_predictions.Regress(
        regress_request("so sad", "I am happy", signature="regress_arousal"), TIMEOUT_S
    )
    assert numbers.regression_result == alone.result
    assert [len(row.classes) for row in classes.classification_result.classifications] == [2, 2]


def test_metadata(predictions) -> None:
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "emotion"
    response = predictions.GetModelMetadata(request, TIMEOUT_S)
    assert (response.model_spec.name, response.model_spec.version.value) == ("emotion", 7)
    assert response.model_spec.signature_name == ""
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert set(signatures.signature_def) == {"serving_default", "tokens", "classify", "tokenize"}
    assert signatures.signature_def["classify"].method_name == "tensorflow/serving/classify"


def test_status(models) -> None:
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "emotion"
    (status,) = models.GetModelStatus(request, TIMEOUT_S).model_version_status
    assert (status.version, status.state, status.status.error_code) == (7, status.AVAILABLE, 0)


def without_spec() -> predict_pb2.PredictRequest:
    return predict_pb2.PredictRequest()


def with_bad_tensor() -> predict_pb2.PredictRequest:
    request = predict_request()
    request.inputs["text"].dtype = 0
    return request


def with_floats() -> predict_pb2.PredictRequest:
    request = predict_request()
    request.inputs["text"].CopyFrom(tf.make_tensor_proto([1.0]))
    return request


Code = grpc.StatusCode


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        (without_spec(), Code.INVALID_ARGUMENT, "Missing ModelSpec"),
        (predict_request(name=""), Code.INVALID_ARGUMENT, "ModelSpec has no name specified."),
        (predict_request(name="mood"), Code.NOT_FOUND, "Servable not found for request: Latest(mood)"),
        (predict_request(version=6), Code.NOT_FOUND, "Servable not found for request: Specific(emotion, 6)"),
        (predict_request(version=0), Code.NOT_FOUND, "Servable not found for request: Specific(emotion, 0)"),
        (
            predict_request(label="stable"),
            Code.INVALID_ARGUMENT,
            "Unrecognized servable version label: stable",
        ),
        (predict_request(signature="x"), Code.FAILED_PRECONDITION, 'Serving signature key "x" not found.'),
        (with_bad_tensor(), Code.INVALID_ARGUMENT, "tensor parsing error: text"),
        (with_floats(), Code.INVALID_ARGUMENT, "Expects arg[0] to be string but float is provided"),
        (
            predict_request(output_filter=["scores", "scores"]),
            Code.INVALID_ARGUMENT,
            "duplicate output tensor alias: scores",
        ),
    ],
)
def test_predict_errors(predictions, request_, code: grpc.StatusCode, message: str) -> None:
    with pytest.raises(grpc.RpcError) as error:
        predictions.Predict(request_, TIMEOUT_S)
    assert (error.value.code(), error.value.details()) == (code, message)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (classify_request("a", signature="x"), "No signature was found with the name: x"),
        (classify_request("a", signature=""), "Expected one or two output Tensors, found 3"),
        (classify_request("a", signature="tokens"), "Expected one input Tensor."),
        (classify_request(), "Input is empty."),
    ],
)
def test_classify_errors(predictions, request_, message: str) -> None:
    with pytest.raises(grpc.RpcError) as error:
        predictions.Classify(request_, TIMEOUT_S)
    assert (error.value.code(), error.value.details()) == (Code.INVALID_ARGUMENT, message)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (regress_request("a", signature="x"), "No signature was found with the name: x"),
        (regress_request("a", signature=""), "Expected one input Tensor."),
        (regress_request("a", signature="classify"), "Expected one output Tensor."),
        (regress_request(), "Input is empty."),
    ],
)
def test_regress_errors(large_predictions, request_, message: str) -> None:
    with pytest.raises(grpc.RpcError) as error:
        large_predictions.Regress(request_, TIMEOUT_S)
    assert (error.value.code(), error.value.details()) == (Code.INVALID_ARGUMENT, message)


CLASSIFY = ("classify", "classify")


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        (multi_inference_request(), Code.INVALID_ARGUMENT, "ModelSpec has no name specified."),
        (
            multi_inference_request(CLASSIFY, name="mood"),
            Code.NOT_FOUND,
            "Servable not found for request: Latest(mood)",
        ),
        (
            multi_inference_request(CLASSIFY, CLASSIFY),
            Code.INVALID_ARGUMENT,
            "Duplicate evaluation of signature: classify",
        ),
        (
            multi_inference_request(CLASSIFY, ("x", "regress")),
            Code.INVALID_ARGUMENT,
            "Requested signature not found in model graph: x",
        ),
        (
            multi_inference_request(("classify", "predict")),
            Code.UNIMPLEMENTED,
            "Unsupported signature method_name: tensorflow/serving/predict",
        ),
        (
            multi_inference_request(("classify", "regress")),
            Code.INVALID_ARGUMENT,
            "Expected one output Tensor.",
        ),
    ],
)
def test_multi_inference_errors(large_predictions, request_, code: grpc.StatusCode, message: str) -> None:
    with pytest.raises(grpc.RpcError) as error:
        large_predictions.MultiInference(request_, TIMEOUT_S)
    assert (error.value.code(), error.value.details()) == (code, message)


def test_multi_inference_asks_one_model(large_predictions) -> None:
    request = multi_inference_request(CLASSIFY, ("regress_valence", "regress"))
    for name, message in (
        ("mood", "All ModelSpecs in a MultiInferenceRequest must access the same model name."),
        ("", "Found ModelSpec with an empty model name."),
    ):
        request.tasks[1].model_spec.name = name
        with pytest.raises(grpc.RpcError) as error:
            large_predictions.MultiInference(request, TIMEOUT_S)
        assert (error.value.code(), error.value.details()) == (Code.INVALID_ARGUMENT, message)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ([], "GetModelMetadataRequest must specify at least one metadata_field"),
        (["graph"], "Metadata field graph is not supported"),
    ],
)
def test_metadata_errors(predictions, fields: list[str], message: str) -> None:
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    request.model_spec.name = "emotion"
    with pytest.raises(grpc.RpcError) as error:
        predictions.GetModelMetadata(request, TIMEOUT_S)
    assert (error.value.code(), error.value.details()) == (Code.INVALID_ARGUMENT, message)


@pytest.mark.parametrize(
    ("name", "version", "message"),
    [
        ("emotion", 3, "Could not find version 3 of model emotion"),
        ("mood", None, "Could not find any versions of model mood"),
    ],
)
def test_status_errors(models, name: str, version: int | None, message: str) -> None:
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = name
    fill_spec(request.model_spec, version=version)
    with pytest.raises(grpc.RpcError) as error:
        models.GetModelStatus(request, TIMEOUT_S)
    assert (error.value.code(), error.value.details()) == (Code.NOT_FOUND, message)


def test_long_details_are_cut(predictions) -> None:
    with pytest.raises(grpc.RpcError) as error:
        predictions.Predict(predict_request(name="x" * 5000), TIMEOUT_S)
    assert error.value.details().endswith("...TRUNCATED")
    assert len(error.value.details()) == 1024 + len("...TRUNCATED")
