"""Who is answered, and who is told what instead: over real channels and connections."""

import gc
import gzip
import hashlib
import http.client
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
import tensorflow as tf
from grpc_reflection.v1alpha import reflection_pb2

from serving.errors import ServerStartError, ServingError
from serving.guard.config import GuardConfig
from serving.server import ModelServer
from tests.serving.conftest import ToyModel, publish, running_server
from tests.serving.operation import METRICS, TIMEOUT_S, Client, Held, config, request, serving
from tests.waiting import until

PREDICT = "/v1/models/half:predict"
TWO = {"instances": [2.0]}


def entry(name: str, *fields: str) -> str:
    """Lines of the keys' file; the key is `key of NAME`."""
    digest = hashlib.sha256(f"key of {name}".encode()).hexdigest()
    return "\n".join([f"[{name}]", f'sha256 = "{digest}"', *fields, ""])


KEYS = "".join(
    [
        entry("web"),
        entry("others", 'models = ["other"]'),
        entry("ops", "may_reload = true"),
        entry("slow", "requests_per_second = 0.01", "burst = 2"),
    ]
)


def bearer(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer key of {name}"}


class Asking(Client):
    """Sends headers, and says what came of it."""

    def grpc(self, headers: dict[str, str], message: Any = None) -> tuple[str, str, dict[str, str]]:
        """Code, message and trailing metadata."""
        metadata = list(headers.items())
        try:
            _, call = self.predict.with_call(message or request(), TIMEOUT_S, metadata)
        except grpc.RpcError as err:
            return err.code().name, err.details(), dict(err.trailing_metadata())
        return call.code().name, "", dict(call.trailing_metadata())

    def rest(self, headers: dict[str, str], path: str = PREDICT) -> tuple[int, str]:
        status, body, _ = self.http("POST", path, TWO, **headers)
        return status, json.loads(body).get("error", "")


@pytest.fixture
def guarded(half_plus_two: Path, tmp_path: Path) -> Iterator[ModelServer]:
    """Takes only who has one of `KEYS`."""
    publish(half_plus_two, tmp_path / "half" / "1")
    keys = tmp_path / "keys.toml"
    keys.write_text(KEYS)
    with serving(tmp_path, guard=GuardConfig(api_keys_file=keys)) as server:
        yield server


@pytest.fixture
def client(guarded: ModelServer) -> Iterator[Asking]:
    with grpc.insecure_channel(f"127.0.0.1:{guarded.port}") as channel:
        yield Asking(guarded, channel)


def test_a_key_is_needed(client: Asking) -> None:
    needed = "a key is needed: send authorization: Bearer KEY, or x-api-key: KEY"
    for headers in ({}, {"authorization": "Bearer "}, {"authorization": "Basic key of web"}):
        assert client.grpc(headers)[:2] == ("UNAUTHENTICATED", needed)
        assert client.rest(headers) == (401, needed)
    assert client.http("POST", PREDICT, TWO)[2]["www-authenticate"] == "Bearer"
    for headers in ({"authorization": "Bearer key"}, {"x-api-key": "key of WEB"}):
        assert client.grpc(headers)[:2] == ("UNAUTHENTICATED", "the key is not known here")
        assert client.rest(headers) == (401, "the key is not known here")
    for headers in (bearer("web"), {"authorization": "bearer key of web"}, {"x-api-key": "key of web"}):
        assert client.grpc(headers)[0] == "OK"
        assert client.rest(headers) == (200, "")
    _, page, _ = client.http("GET", METRICS, **bearer("web"))
    assert 'emotion_serving_refused_total{code="UNAUTHENTICATED",key=""} 11.0' in page.splitlines()


def test_only_what_is_exempt_needs_none(client: Asking) -> None:
    for path in ("/", "/page/page.js", "/healthz", "/readyz", "/readyz/half"):
        assert client.http("GET", path)[0] == 200
    for path in (
        METRICS,
        "/v1/models/half",
        "/v1/models/half/metadata",
        "/V1/models/half",
        "/v1/../readyz",
        "/models",
        "/page/../models",
    ):
        assert client.http("GET", path)[0] == 401, path
    for path in ("/readyz/../v1/models/half", "/readyz/%2e%2e/v1/models/half"):
        assert client.http("GET", path)[0] == 401, "no way around"
    assert client.http("OPTIONS", PREDICT, Origin="https://app.example")[0] == 200
    assert client.healthy() == 1
    wanted = reflection_pb2.ServerReflectionRequest(list_services="")
    with pytest.raises(grpc.RpcError) as error:
        next(client.reflection.ServerReflectionInfo(iter([wanted]), timeout=TIMEOUT_S))
    assert error.value.code() == grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize(("key", "code"), [("nobody", "UNAUTHENTICATED"), ("ops", "NOT_FOUND")])
def test_an_error_leaves_nothing_for_the_garbage_collector(client: Asking, key: str, code: str) -> None:
    """A collection holds up every thread, whoever is to be refused among them."""

    def kept() -> int:
        return sum(isinstance(found, ServingError) for found in gc.get_objects())

    def fail() -> None:
        assert client.grpc(bearer(key), request(name="unknown"))[0] == code

    fail()
    gc.collect()
    before = kept()
    gc.disable()
    try:
        for _ in range(5):
            fail()
        until(lambda: kept() <= before)
    finally:
        gc.enable()


def test_a_key_is_good_for_its_models(client: Asking, tmp_path: Path) -> None:
    message = "the key others may not use model half"
    assert client.grpc(bearer("others"))[:2] == ("PERMISSION_DENIED", message)
    assert client.rest(bearer("others")) == (403, message)
    for path in ("/v1/models/half", "/v1/models/half/metadata"):
        assert client.http("GET", path, **bearer("others"))[0] == 403
    assert client.rest(bearer("others"), "/v1/models/other:predict")[0] == 404
    assert json.loads(client.http("GET", "/models", **bearer("others"))[1]) == {"models": []}
    assert len(json.loads(client.http("GET", "/models", **bearer("web"))[1])["models"]) == 1
    assert client.http("GET", "/v1/models/half", **bearer("web"))[0] == 200


def test_only_a_key_that_says_so_changes_the_models(
    client: Asking, half_plus_three: Path, tmp_path: Path
) -> None:
    from google.protobuf import text_format
    from tensorflow_serving.apis import model_management_pb2

    publish(half_plus_three, tmp_path / "other" / "1")
    message = model_management_pb2.ReloadConfigRequest()
    text_format.Parse(config(tmp_path, "half", "other"), message.config)
    reload = client.models.HandleReloadConfigRequest
    with pytest.raises(grpc.RpcError, match="web may not change what is served") as error:
        reload(message, TIMEOUT_S, list(bearer("web").items()))
    assert error.value.code() == grpc.StatusCode.PERMISSION_DENIED
    reload(message, TIMEOUT_S, list(bearer("ops").items()))
    assert client.grpc(bearer("others"), request(name="other"))[0] == "OK"


def test_a_key_is_good_for_so_many_requests(client: Asking) -> None:
    assert client.grpc(bearer("slow"))[0] == "OK"
    assert client.rest(bearer("slow")) == (200, "")
    code, message, trailing = client.grpc(bearer("slow"))
    assert code == "RESOURCE_EXHAUSTED"
    assert message.startswith("the key slow is good for 0.01 requests a second, 2 at once; try again in ")
    assert 0 < int(trailing["retry-after"]) <= 100
    assert 0 < int(trailing["grpc-retry-pushback-ms"]) <= 100_000
    status, _, headers = client.http("POST", PREDICT, TWO, **bearer("slow"))
    assert status == 429
    assert 0 < int(headers["retry-after"]) <= 100
    assert client.grpc(bearer("web"))[0] == "OK", "one key does not use up another's"


def test_changed_keys_are_read_and_broken_ones_are_not(client: Asking, tmp_path: Path) -> None:
    def refused(value: int) -> bool:
        page = client.http("GET", METRICS, **bearer("web"))[1]
        return f"emotion_serving_api_keys_refused {value}.0" in page

    file = tmp_path / "keys.toml"
    file.write_text(KEYS + "[broken]")
    until(lambda: refused(1))
    assert client.grpc(bearer("ops"))[0] == "OK"
    file.write_text(entry("web") + entry("new"))
    until(lambda: refused(0))
    assert client.grpc(bearer("new"))[0] == "OK"
    assert client.grpc(bearer("ops"))[0] == "UNAUTHENTICATED"


def test_a_server_that_has_enough_to_do_says_so_at_once(
    half_plus_two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    guard = GuardConfig(max_in_flight=3, auth_exempt=("/v1/*",))
    with serving(tmp_path, grpc_max_threads=1, guard=guard) as server:
        held = Held(monkeypatch)
        with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            client = Asking(server, channel)
            waiting = [client.predict.future(request(), TIMEOUT_S) for _ in range(2)]
            http_answers: list[Any] = []
            asking = threading.Thread(target=lambda: http_answers.append(client.rest({})))
            asking.start()
            until(lambda: server.lifecycle.in_flight == 3)
            # Nothing is released before all of this is answered.
            code, message, trailing = client.grpc({})
            assert (code, trailing["retry-after"]) == ("RESOURCE_EXHAUSTED", "1")
            assert message == "the server has 3 requests to answer and takes no more; try again later"
            status, body, headers = client.http("POST", PREDICT, TWO)
            assert (status, headers["retry-after"], json.loads(body)["error"]) == (429, "1", message)
            never = threading.Event()
            stalled = channel.stream_unary("/tensorflow.serving.PredictionService/Predict")
            with pytest.raises(grpc.RpcError) as error:
                stalled(iter(never.wait, True), timeout=TIMEOUT_S)
            assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            never.set()
            page = client.http("GET", METRICS)[1]
            assert 'emotion_serving_refused_total{code="RESOURCE_EXHAUSTED",key=""} 3.0' in page.splitlines()
            assert client.healthy() == 1
            held.released.set()
            for call in waiting:
                call.result()
            asking.join(TIMEOUT_S)
            assert http_answers == [(200, "")]
            assert client.grpc({})[0] == "OK"


def test_a_large_message_is_refused(half_plus_two: Path, tmp_path: Path) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    with (
        serving(tmp_path, guard=GuardConfig(max_request_bytes=1000)) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        client = Asking(server, channel)
        large = request()
        large.inputs["x"].CopyFrom(tf.make_tensor_proto([*range(400)], tf.float32))
        assert client.grpc({}, large)[0] == "RESOURCE_EXHAUSTED"
        assert client.grpc({})[0] == "OK"
        body = json.dumps({"instances": [0.25] * 400}).encode()
        too_large = "the body has more than 1000 bytes; send it in parts"
        assert json.loads(client.http("POST", PREDICT, body)[1]) == {"error": too_large}
        assert client.http("POST", PREDICT, body)[0] == 413
        connection = http.client.HTTPConnection("127.0.0.1", client.rest_port, timeout=TIMEOUT_S)
        for path in (PREDICT, "/page/nothing"):
            connection.request("POST", path, iter([body[:600], body[600:]]), encode_chunked=True)
            with connection.getresponse() as response:
                assert (response.status, json.load(response)) == (413, {"error": too_large})
            connection.close()
        packed = {"Content-Encoding": "gzip"}
        status, answer, _ = client.http("POST", PREDICT, gzip.compress(body), **packed)
        assert (status, "larger than 1000 bytes when unpacked" in answer) == (400, True)
        assert client.http("POST", PREDICT, gzip.compress(json.dumps(TWO).encode()), **packed)[0] == 200


def test_rows_and_texts_are_limited(toy_model: ToyModel) -> None:
    limits = GuardConfig(max_batch_texts=2, max_text_bytes=10)
    with (
        running_server(toy_model, guard=limits) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        client = Asking(server, channel)
        path = "/v1/models/emotion"
        for instances, message in (
            (["a", "b", "c"], "the request has 3 rows, at most 2 are taken; divide it"),
            (["ok", "é" * 6], "a text has 12 bytes, at most 10 are taken; shorten it"),
        ):
            status, body, _ = client.http("POST", f"{path}:predict", {"instances": instances})
            assert (status, json.loads(body)["error"]) == (400, message)
            message_pb = request(name="emotion")
            message_pb.inputs.clear()
            message_pb.inputs["text"].CopyFrom(tf.make_tensor_proto(instances))
            assert client.grpc({}, message_pb)[:2] == ("INVALID_ARGUMENT", message)
        assert client.http("POST", f"{path}:predict", {"instances": ["é" * 5, "b"]})[0] == 200
        status, body, _ = client.http("POST", f"{path}:classify", {"examples": [{"text": "so sad"}] * 3})
        assert (status, "3 rows" in body) == (400, True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"api_keys_file": Path("/absent.toml")}, "/absent.toml: cannot be read"),
        ({"auth_exempt": ("*",)}, r"auth_exempt: expected paths that begin with /; got '\*'"),
        ({"request_log_formats": ("xml",)}, "expected some of json, prediction_log; got xml"),
        ({"request_log_sample_rate": 2.0}, "request_log_sample_rate must be from 0 to 1; got 2"),
        ({"request_log_max_files": 0}, "request_log_max_files must be greater than 0; got 0"),
        ({"max_in_flight": -1}, "max_in_flight must not be negative, 0 = no limit; got -1"),
    ],
)
def test_wrong_settings_stop_the_start(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ServerStartError, match=message):
        serving(tmp_path, guard=replace(GuardConfig(), **changes))
