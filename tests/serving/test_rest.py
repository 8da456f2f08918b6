"""The REST API over real HTTP."""

import gzip
import http.client
import json
import socket
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from starlette.applications import Starlette

import serving
from serving.predictor import Predictor
from serving.rest_server import RestServer
from serving.server import ModelServer
from tests.serving.conftest import LABELS, TEXTS

MODEL = "/v1/models/emotion"


class Client:
    def __init__(self, port: int) -> None:
        self.port = port

    def send(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, str | None]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, raw, headers or {})
            response = connection.getresponse()
            content = response.read()
            return (
                response.status,
                json.loads(content) if content else None,
                response.getheader("Content-Type"),
            )
        finally:
            connection.close()

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        return self.send("POST", path, body)[:2]

    def get(self, path: str) -> tuple[int, Any]:
        return self.send("GET", path)[:2]


@pytest.fixture(scope="module")
def client(server: ModelServer) -> Client:
    assert server.rest_port is not None
    return Client(server.rest_port)


def test_predict_by_row(client: Client, predictor: Predictor) -> None:
    status, answer = client.post(f"{MODEL}:predict", {"instances": list(TEXTS)})
    assert status == 200
    expected = predictor.predict(TEXTS)
    assert [row["labels"] for row in answer["predictions"]] == [list(LABELS)] * len(TEXTS)
    assert [tuple(row["predicted"]) for row in answer["predictions"]] == [
        answer.decided for answer in expected
    ]
    np.testing.assert_allclose(
        [row["scores"] for row in answer["predictions"]], [answer.scores for answer in expected], atol=1e-5
    )


def test_predict_by_column(client: Client, predictor: Predictor) -> None:
    status, answer = client.post(f"{MODEL}/versions/7:predict", {"inputs": {"text": ["so sad"]}})
    assert status == 200
    np.testing.assert_allclose(
        answer["outputs"]["scores"], [predictor.predict(["so sad"])[0].scores], atol=1e-5
    )


def test_predict_with_another_signature(client: Client) -> None:
    body = {"signature_name": "tokenize", "instances": ["so sad"]}
    assert client.post(f"{MODEL}:predict", body) == (
        200,
        {"predictions": [{"padding_mask": [1, 1, 1, 1], "token_ids": [2, 6, 8, 3]}]},
    )


def test_classify(client: Client, predictor: Predictor) -> None:
    body = {"signature_name": "classify", "examples": [{"text": "so sad"}, {"text": "I am happy"}]}
    status, answer = client.post(f"{MODEL}:classify", body)
    assert status == 200
    assert [[label for label, _ in row] for row in answer["results"]] == [list(LABELS)] * 2
    expected = [answer.scores for answer in predictor.predict(["so sad", "I am happy"])]
    np.testing.assert_allclose(
        [[score for _, score in row] for row in answer["results"]], expected, atol=1e-5
    )


@pytest.fixture(scope="module")
def large_client(large_server: ModelServer) -> Client:
    assert large_server.rest_port is not None
    return Client(large_server.rest_port)


def test_regress(large_client: Client, large_predictor: Predictor) -> None:
    body = {
        "signature_name": "regress_arousal",
        "context": {"context": "I am happy"},
        "examples": [{"text": "so sad"}, {"text": "so sad", "context": ""}],
    }
    status, answer = large_client.post(f"{MODEL}:regress", body)
    assert (status, list(answer)) == (200, ["results"])
    expected = large_predictor.predict(["so sad", "so sad"], contexts=["I am happy", ""])
    np.testing.assert_allclose(answer["results"], [answer.scores[6] for answer in expected], atol=1e-5)
    assert answer["results"][0] != pytest.approx(answer["results"][1], abs=1e-3)


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [{"text": "so sad", "context": "I am happy"}, {"text": "so sad", "context": ""}]},
        {"inputs": {"text": ["so sad", "so sad"], "context": ["I am happy", ""]}},
    ],
    ids=["row", "column"],
)
def test_predict_with_a_context(
    large_client: Client, large_predictor: Predictor, body: dict[str, Any]
) -> None:
    status, answer = large_client.post(f"{MODEL}:predict", body)
    assert status == 200
    scores = (
        answer["outputs"]["scores"] if "inputs" in body else [row["scores"] for row in answer["predictions"]]
    )
    expected = large_predictor.predict(["so sad", "so sad"], contexts=["I am happy", ""])
    np.testing.assert_allclose(scores, [answer.scores for answer in expected], atol=1e-5)


def test_a_model_of_two_segments_asks_for_both(large_client: Client) -> None:
    status, answer = large_client.post(f"{MODEL}:predict", {"instances": [{"text": "so sad"}]})
    assert (status, "keys must be equal to: context,text" in answer["error"]) == (400, True)


@pytest.mark.parametrize(
    "path", [MODEL, f"{MODEL}/versions/7", "/V1/Models/emotion", f"{MODEL}/labels/stable"]
)
def test_status(client: Client, path: str) -> None:
    assert client.get(path) == (
        200,
        {
            "model_version_status": [
                {"version": "7", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
            ]
        },
    )


def test_metadata(client: Client) -> None:
    status, answer = client.get(f"{MODEL}/metadata")
    assert status == 200
    assert answer["model_spec"] == {"name": "emotion", "signature_name": "", "version": "7"}
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert signatures["serving_default"]["inputs"]["text"]["dtype"] == "DT_STRING"
    assert signatures["serving_default"]["outputs"]["scores"]["tensor_shape"]["dim"] == [
        {"size": "-1", "name": ""},
        {"size": "5", "name": ""},
    ]


def test_every_answer_is_json(client: Client) -> None:
    for method, path in (("GET", MODEL), ("POST", f"{MODEL}:predict"), ("GET", "/v1/nonsense")):
        assert client.send(method, path)[2] == "application/json"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", f"{MODEL}:predict", b"", 400, "JSON Parse error: The document is empty"),
        ("POST", f"{MODEL}:predict", {"instances": [1]}, 400, "is not of expected type: string"),
        (
            "POST",
            f"{MODEL}:predict",
            {"signature_name": "x", "instances": ["a"]},
            400,
            'Serving signature name: "x" not found in signature def',
        ),
        (
            "POST",
            "/v1/models/mood:predict",
            {"instances": ["a"]},
            404,
            "Servable not found for request: Latest(mood)",
        ),
        (
            "POST",
            f"{MODEL}/versions/3:predict",
            {"instances": ["a"]},
            404,
            "Servable not found for request: Specific(emotion, 3)",
        ),
        (
            "POST",
            f"{MODEL}/versions/99999999999999999999:predict",
            {"instances": ["a"]},
            400,
            "Failed to convert version: 99999999999999999999 to numeric.",
        ),
        (
            "GET",
            f"{MODEL}/versions/{'9' * 5000}",
            None,
            400,
            f"Failed to convert version: {'9' * 5000} to numeric.",
        ),
        ("GET", f"{MODEL}/versions/{'0' * 5000}", None, 404, "Could not find version 0 of model emotion"),
        ("GET", f"{MODEL}/versions/{'0' * 5000}3", None, 404, "Could not find version 3 of model emotion"),
        (
            "POST",
            f"{MODEL}/labels/my%20label:predict",
            {"instances": ["a"]},
            400,
            "Unrecognized servable version label: my label",
        ),
        (
            "POST",
            f"{MODEL}:classify",
            {"examples": [{"text": "a"}]},
            400,
            "Expected one or two output Tensors, found 3",
        ),
        (
            "POST",
            f"{MODEL}:regress",
            {"examples": [{"text": "a"}]},
            400,
            "Expected one output Tensor.",
        ),
        ("POST", MODEL, {}, 400, "Malformed request: POST /v1/models/emotion"),
        ("POST", f"{MODEL}:explain", {}, 400, "Malformed request: POST /v1/models/emotion:explain"),
        ("DELETE", MODEL, None, 400, "Malformed request: DELETE /v1/models/emotion"),
        ("GET", f"{MODEL}:predict", None, 400, "Malformed request: GET /v1/models/emotion:predict"),
        (
            "POST",
            f"{MODEL}:predict",
            b'{"signature_name": "to\xceens", "instances": ["a"]}',
            400,
            'Serving signature name: "to?ens" not found in signature def',
        ),
        ("POST", f"{MODEL}%0A:predict", {"instances": ["a"]}, 404, "Servable not found for request"),
        ("TRACE", MODEL, None, 400, "Malformed request: TRACE /v1/models/emotion"),
        ("GET", "/v1/models", None, 400, "Missing model name in request."),
        ("GET", "/v1/models/mood", None, 404, "Could not find any versions of model mood"),
        ("GET", f"{MODEL}/versions/3", None, 404, "Could not find version 3 of model emotion"),
        ("GET", "/v1/models/mood/metadata", None, 404, "Servable not found for request: Latest(mood)"),
    ],
)
def test_errors(client: Client, method: str, path: str, body: Any, status: int, message: str) -> None:
    got, answer, _ = client.send(method, path, body)
    assert (got, list(answer)) == (status, ["error"])
    assert message in answer["error"]


def test_the_openapi_description_names_the_routes(client: Client) -> None:
    """`tests.benchmarks.serving_fuzz` holds the server against the whole of it."""
    description = yaml.safe_load((Path(serving.__file__).parent / "openapi.yaml").read_text(encoding="utf-8"))
    values = {"model": "emotion", "version": "7", "label": "stable"}
    api = {path: calls for path, calls in description["paths"].items() if path.startswith("/v1/")}
    for path, operations in api.items():
        for method in operations.keys() & {"get", "post"}:
            status, answer, _ = client.send(method.upper(), path.format(**values), {"instances": ["a"]})[:3]
            assert status in (200, 400), path
            assert "Malformed request" not in str(answer), path


def test_a_connection_goes_on_after_a_path_that_is_not_there(client: Client) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=60)
    for path, status in (("/other", 404), (f"{MODEL}:predict", 200)):
        connection.request("POST", path, json.dumps({"instances": ["a" * 100_000]}))
        response = connection.getresponse()
        response.read()
        assert response.status == status
    connection.close()


@pytest.mark.parametrize(("method", "path", "status"), [("OPTIONS", MODEL, 400), ("POST", "/page/x", 404)])
def test_a_body_that_nobody_needs_is_not_kept(client: Client, method: str, path: str, status: int) -> None:
    """Who sends it needs no key."""
    mebibytes = 32
    with socket.create_connection(("127.0.0.1", client.port), 60) as connection:
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {mebibytes * 2**20}\r\n\r\n"
        connection.sendall(head.encode())
        block = bytes(2**20)
        tracemalloc.start()
        try:
            for _ in range(mebibytes):
                connection.sendall(block)
            answer = connection.recv(4096)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert most < mebibytes * 2**20 / 2


def test_outside_of_v1_there_is_nothing(client: Client) -> None:
    assert client.get("/other") == (404, None)
    assert client.get("/v2/models/emotion") == (404, None)


def test_an_answer_does_not_wait_for_an_acknowledgement() -> None:
    """With Nagle's algorithm on, every answer takes 40 ms and more."""
    rest = RestServer(Starlette(), host="127.0.0.1", port=0)
    try:
        with socket.create_connection(("127.0.0.1", rest.port), 60) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 404 ")
            (protocol,) = rest._server.server_state.connections
            accepted = protocol.transport.get_extra_info("socket")
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    finally:
        rest.stop()


def test_gzip_bodies(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.rest._MAX_UNZIPPED_BYTES", 1000)
    body = json.dumps({"signature_name": "tokenize", "instances": ["so sad"]}).encode()

    def send(raw: bytes) -> tuple[int, Any]:
        return client.send("POST", f"{MODEL}:predict", raw, {"Content-Encoding": "gzip"})[:2]

    assert send(gzip.compress(body)) == client.post(f"{MODEL}:predict", body)
    for raw, message in (
        (body, "Content-Encoding is gzip, but the body is not"),
        (gzip.compress(body)[:-9], "the gzip body is cut off"),
        (gzip.compress(bytes(1001)), "larger than 1000 bytes when unpacked"),
    ):
        status, answer = send(raw)
        assert (status, message in answer["error"]) == (400, True)


def test_without_an_origin_there_is_no_preflight(client: Client) -> None:
    status, answer, _ = client.send("OPTIONS", MODEL)
    assert (status, answer) == (400, {"error": "Origin header is missing in CORS preflight"})
    assert client.send("OPTIONS", MODEL, headers={"Origin": "https://app.example"})[0] == 200
