"""What is written down of requests, and what never is."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from components.data.sources.unlabelled import read_unlabelled
from serving.errors import ServerStartError
from serving.guard.config import GuardConfig
from serving.guard.prediction_logs import main, read_prediction_log
from serving.guard.redaction import Redaction
from serving.server import ModelServer, ServerConfig
from tests.serving.conftest import LABELS, ToyModel, publish
from tests.serving.operation import TIMEOUT_S, Client, request, serving
from tests.waiting import until

SECRETS = ("Ada Lovelace is so happy", "so sad, says Ada")


def masked(text: str) -> str:
    return text.replace("Ada Lovelace", "[NAME]").replace("Ada", "[NAME]")


@contextmanager
def logging_server(
    model: ToyModel, directory: Path, mask: Any = None, **settings: Any
) -> Iterator[tuple[ModelServer, Client]]:
    guard = GuardConfig(
        request_log_directory=directory, request_log_formats=("json", "prediction_log"), **settings
    )
    config = ServerConfig(
        model_base_path=model.directory.parent,
        model_name="emotion",
        host="127.0.0.1",
        port=0,
        rest_api_port=0,
        grace_seconds=5,
        guard=guard,
    )
    with (
        ModelServer(config, mask_text=mask) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        client = Client(server, channel)
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        client.classify, client.regress = stub.Classify, stub.Regress
        yield server, client


def predict_request() -> Any:
    message = request(name="emotion")
    message.inputs.clear()
    message.inputs["text"].CopyFrom(tf.make_tensor_proto(SECRETS))
    return message


def classify_request() -> Any:
    message = classification_pb2.ClassificationRequest()
    message.model_spec.name = "emotion"
    message.model_spec.signature_name = "classify"
    for text in SECRETS:
        example = message.input.example_list.examples.add()
        example.features.feature["text"].bytes_list.value.append(text.encode())
    return message


def ask_all(client: Client) -> Any:
    """Sends the texts in every way; returns what Predict answers."""
    answer = client.predict(predict_request(), TIMEOUT_S, [("x-request-id", "r-1")])
    client.http("POST", "/v1/models/emotion:predict", {"instances": list(SECRETS)})
    client.classify(classify_request(), TIMEOUT_S)
    ids = {"token_ids": [[2, 7, 9, 3]], "padding_mask": [[1, 1, 1, 1]]}
    tokens = {"signature_name": "tokens", "inputs": ids}
    assert client.http("POST", "/v1/models/emotion:predict", tokens)[0] == 200
    # The two requests have the same fields.
    unfit = regression_pb2.RegressionRequest.FromString(classify_request().SerializeToString())
    with pytest.raises(grpc.RpcError):
        client.regress(unfit, TIMEOUT_S)
    for path, body in (("absent", {"instances": []}), ("emotion", {"instances": [1]})):
        client.http("POST", f"/v1/models/{path}:predict", body)
    return answer


def lines(directory: Path) -> list[dict[str, Any]]:
    (file,) = directory.glob("requests-*.jsonl")
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_texts_are_left_out_unless_somebody_masks_them(toy_model: ToyModel, tmp_path: Path) -> None:
    with logging_server(toy_model, tmp_path) as (_, client):
        ask_all(client)
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not any(word in content for word in (b"Ada", b"Lovelace", b"happy", b"says"))
    by_grpc, by_rest, classified, by_tokens, refused, unknown, unread = lines(tmp_path)
    assert (by_grpc["transport"], by_grpc["request_id"], by_rest["transport"]) == ("GRPC", "r-1", "REST")
    assert [
        by_grpc[name] for name in ("method", "model", "version", "signature", "status", "rows", "key")
    ] == [
        "Predict",
        "emotion",
        7,
        "serving_default",
        "OK",
        2,
        None,
    ]
    assert by_grpc["inputs"] == by_rest["inputs"], "one text, one mark"
    assert by_grpc["inputs"]["text"][0].startswith("[text omitted: 24 bytes, ")
    assert by_grpc["outputs"] == by_rest["outputs"]
    assert by_grpc["outputs"]["labels"] == list(LABELS)
    assert np.shape(by_grpc["outputs"]["scores"]) == (2, 5)
    assert classified["examples"] == [{"text": [text]} for text in by_grpc["inputs"]["text"]]
    assert by_tokens["inputs"]["token_ids"] == {"omitted": "int32", "shape": [1, 4]}, (
        "token ids are texts, too"
    )
    assert (unknown["transport"], unknown["model"], unknown["status"]) == ("REST", "absent", "NOT_FOUND")
    assert (unread["transport"], unread["status"]) == ("REST", "INVALID_ARGUMENT")
    assert (refused["method"], refused["status"], refused["version"]) == ("Regress", "INVALID_ARGUMENT", None)
    (file,) = tmp_path.glob("predictions-*.tfrecord")
    assert list(read_prediction_log(file)) == [], "left out texts are no texts"


def test_masked_texts_are_read_back(
    toy_model: ToyModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = tmp_path / "log"
    with logging_server(toy_model, directory, masked) as (_, client):
        answer = ask_all(client)
        scores = tf.make_ndarray(answer.outputs["scores"])
        predicted = tf.make_ndarray(answer.outputs["predicted"])
    assert b"Ada" not in b"".join(path.read_bytes() for path in directory.iterdir())
    (file,) = directory.glob("predictions-*.tfrecord")
    logs = [
        prediction_log_pb2.PredictionLog.FromString(record)
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
    ]
    assert [log.WhichOneof("log_type") for log in logs] == ["predict_log"] * 2 + [
        "classify_log",
        "predict_log",
    ]
    token_ids = logs[3].predict_log.request.inputs["token_ids"]
    assert [dim.size for dim in token_ids.tensor_shape.dim] == [1, 4]
    assert not [*token_ids.int_val, *token_ids.tensor_content], "token ids are texts, too"
    with file.open("ab") as log_file:
        log_file.write(b"cut off by a crash")
    main([str(file)])
    shown = capsys.readouterr().out
    rows = [json.loads(line) for line in shown.splitlines()]
    assert [row["text"] for row in rows] == [masked(text) for text in SECRETS] * 3
    for row, expected, applies in zip(rows, scores, predicted, strict=False):
        np.testing.assert_allclose([row["scores"][name] for name in LABELS], expected, rtol=1e-6)
        assert row["labels"] == [name for name, one in zip(LABELS, applies, strict=True) if one]
        assert (row["model"], row["version"]) == ("emotion", 7)
    np.testing.assert_allclose([rows[4]["scores"][name] for name in LABELS], scores[0], rtol=1e-5)
    traffic = tmp_path / "traffic.jsonl"
    traffic.write_text(shown)
    assert [text.text for text in read_unlabelled(str(traffic))] == [row["text"] for row in rows]


def test_a_log_that_cannot_be_written_costs_no_request(half_plus_two: Path, tmp_path: Path) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    in_the_way = tmp_path / "log"
    in_the_way.write_text("no directory")
    with (
        serving(tmp_path, guard=GuardConfig(request_log_directory=in_the_way)) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        client = Client(server, channel)
        assert [client.ask() for _ in range(3)] == [(1, 3.0)] * 3
        client.refusal(name="of nobody")
        count = ':tensorflow:serving:request_log_count{model_name="%s",status_code="UNAVAILABLE"} %d.0'
        until(lambda: count % ("half", 3) in client.http("GET", "/monitoring/prometheus/metrics")[1])
        until(lambda: count % ("", 1) in client.http("GET", "/monitoring/prometheus/metrics")[1])


def test_a_sample_is_logged(half_plus_two: Path, tmp_path: Path) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    guard = GuardConfig(request_log_directory=tmp_path / "log", request_log_sample_rate=0.5)
    with (
        serving(tmp_path, guard=guard, rest_api_port=None) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        client = Client(server, channel)
        for _ in range(200):
            client.ask()
    logged = lines(tmp_path / "log")
    assert 50 < len(logged) < 150
    assert logged[0]["inputs"] == {"x": {"omitted": "float32", "shape": [1]}}
    assert logged[0]["outputs"] == {"y": [3.0]}


def test_marks_cannot_be_found_by_trying() -> None:
    one, other = Redaction(), Redaction()
    assert one.text(b"yes") == one.text(b"yes") != one.text(b"no")
    assert one.text(b"yes") != other.text(b"yes")


def test_what_is_no_text_is_left_out_even_with_a_mask() -> None:
    assert Redaction(str.upper).text(b"\xff\xfe").startswith("[text omitted: 2 bytes, ")
    assert Redaction(str.upper).example(b"\xff\xfe") == {}


def test_tracing_without_its_extra_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ServerStartError, match=r"tracing needs opentelemetry.*emotion-pipeline\[tracing\]"):
        serving(tmp_path, guard=GuardConfig(enable_tracing=True))
