"""A running server that is changed, watched and stopped while clients call it."""

import http.client
import ipaddress
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import tensorflow as tf
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf import text_format
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving import arrivals, grpc_server
from serving.errors import ServerStartError
from serving.guard.config import GuardConfig
from serving.saved_model_engine import SavedModelEngine
from serving.server import ModelServer, ServerConfig
from tests.serving.conftest import publish, publish_broken

TIMEOUT_S = 60.0
UP, DOWN = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


class Client:
    """Every way to ask one server."""

    def __init__(self, server: ModelServer, channel: grpc.Channel) -> None:
        self.rest_port = server.rest_port or 0
        self.predict = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
        self.models = model_service_pb2_grpc.ModelServiceStub(channel)
        self.health = health_pb2_grpc.HealthStub(channel)
        self.reflection = reflection_pb2_grpc.ServerReflectionStub(channel)

    def ask(self, x: float = 2.0, name: str = "half", **spec: Any) -> tuple[int, float]:
        """The version that answers, and its answer."""
        response = self.predict(request(x, name, **spec), TIMEOUT_S)
        return response.model_spec.version.value, response.outputs["y"].float_val[0]

    def refusal(self, **spec: Any) -> tuple[grpc.StatusCode, str]:
        with pytest.raises(grpc.RpcError) as error:
            self.ask(**spec)
        return error.value.code(), error.value.details()

    def healthy(self, name: str = "") -> int:
        return int(self.health.Check(health_pb2.HealthCheckRequest(service=name), TIMEOUT_S).status)

    def reload(self, text: str, *metrics: str) -> Any:
        message = model_management_pb2.ReloadConfigRequest(metric_names=metrics)
        text_format.Parse(text, message.config)
        return self.models.HandleReloadConfigRequest(message, TIMEOUT_S)

    def http(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, str, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.rest_port, timeout=TIMEOUT_S)
        try:
            raw = body if body is None or isinstance(body, bytes) else json.dumps(body)
            connection.request(method, path, raw, headers)
            response = connection.getresponse()
            lower = {name.lower(): value for name, value in response.getheaders()}
            return response.status, response.read().decode(), lower
        finally:
            connection.close()


def request(
    x: float = 2.0, name: str = "half", *, version: int | None = None, label: str | None = None
) -> predict_pb2.PredictRequest:
    message = predict_pb2.PredictRequest()
    message.model_spec.name = name
    if version is not None:
        message.model_spec.version.value = version
    if label is not None:
        message.model_spec.version_label = label
    message.inputs["x"].CopyFrom(tf.make_tensor_proto([x], tf.float32))
    return message


def serving(tmp_path: Path, **changes: Any) -> ModelServer:
    """A server of `tmp_path/half`, with metrics, that looks for new versions often."""
    monitoring = tmp_path / "monitoring.txt"
    monitoring.write_text("prometheus_config { enable: true }")
    settings: dict[str, Any] = {
        "model_name": "half",
        "model_base_path": tmp_path / "half",
        "host": "127.0.0.1",
        "port": 0,
        "rest_api_port": 0,
        "monitoring_config_file": monitoring,
        "file_system_poll_wait_seconds": 0.05,
        "grace_seconds": 30,
        "grpc_max_threads": 4,
    }
    return ModelServer(ServerConfig(**{**settings, **changes}))


@pytest.fixture
def server(half_plus_two: Path, tmp_path: Path) -> Iterator[ModelServer]:
    publish(half_plus_two, tmp_path / "half" / "1")
    with serving(tmp_path) as server:
        yield server


@pytest.fixture
def client(server: ModelServer) -> Iterator[Client]:
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield Client(server, channel)


def until(condition: Any) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def config(tmp_path: Path, *names: str, extra: str = "") -> str:
    models = " ".join(
        f'config {{ name: "{name}" base_path: "{tmp_path / name}" model_platform: "tensorflow" {extra} }}'
        for name in names
    )
    return f"model_config_list {{ {models} }}"


def test_versions_change_without_a_lost_request(
    client: Client, half_plus_two: Path, half_plus_three: Path, tmp_path: Path
) -> None:
    answers: list[tuple[int, float]] = []
    errors: list[Exception] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                answers.append(client.ask())
            except grpc.RpcError as err:
                errors.append(err)

    clients = [threading.Thread(target=ask) for _ in range(3)]
    for thread in clients:
        thread.start()
    try:
        publish_broken(tmp_path / "half" / "2")
        until(lambda: 'version_refused{model_name="half",version="2"} 1.0' in client.http("GET", METRICS)[1])
        for version in (3, 4, 5):
            publish(half_plus_three if version % 2 else half_plus_two, tmp_path / "half" / str(version))
            until(lambda version=version: answers and answers[-1][0] == version)
    finally:
        stop.set()
        for thread in clients:
            thread.join(TIMEOUT_S)
    assert not errors
    assert set(answers) == {(1, 3.0), (3, 4.0), (4, 3.0), (5, 4.0)}


METRICS = "/monitoring/prometheus/metrics"


def test_models_are_reloaded(client: Client, half_plus_three: Path, tmp_path: Path) -> None:
    publish(half_plus_three, tmp_path / "other" / "7")
    counted = client.reload(config(tmp_path, "half", "other"), "/tensorflow/serving/request_count")
    assert counted.status.error_code == 0
    assert [(one.name, one.int64_value_increase) for one in counted.metric] == [
        ("/tensorflow/serving/request_count", 0)
    ]
    assert (client.ask(), client.ask(name="other")) == ((1, 3.0), (7, 4.0))
    assert client.healthy("other") == UP
    client.reload(config(tmp_path, "other", extra='version_labels { key: "stable" value: 7 }'))
    assert client.ask(name="other", label="stable") == (7, 4.0)
    path = "/v1/models/other/labels/stable:predict"
    assert json.loads(client.http("POST", path, {"instances": [2.0]})[1]) == {"predictions": [4.0]}
    assert client.refusal() == (
        grpc.StatusCode.NOT_FOUND,
        "Servable not found for request: Latest(half)",
    )
    assert client.healthy("half") == DOWN
    status = get_model_status_pb2.GetModelStatusRequest()
    status.model_spec.name = "half"
    (ended,) = client.models.GetModelStatus(status, TIMEOUT_S).model_version_status
    assert (ended.version, ended.state) == (1, ended.END)


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("", grpc.StatusCode.INVALID_ARGUMENT, "ServerModelConfig type not supported by HandleReload"),
        (
            'model_config_list { config { name: "half" base_path: "half" model_platform: "tensorflow" } }',
            grpc.StatusCode.INVALID_ARGUMENT,
            "Expected model half to have an absolute path or URI; got base_path()=half",
        ),
        (
            'model_config_list { config { name: "half" base_path: "/half" model_platform: "onnx" } }',
            grpc.StatusCode.INVALID_ARGUMENT,
            "Model half requests unsupported platform onnx",
        ),
        (
            config(Path("/"), "half", extra='version_labels { key: "next" value: 2 }'),
            grpc.StatusCode.FAILED_PRECONDITION,
            "Request to assign label to version 2 of model half, which is not currently available for inference",
        ),
        (
            'model_config_list { config { name: "new" base_path: "/absent" model_platform: "tensorflow" } }',
            grpc.StatusCode.UNKNOWN,
            "1 model(s) did not become available: {{name: new due to error: ",
        ),
    ],
)
def test_reload_errors(client: Client, text: str, code: grpc.StatusCode, message: str) -> None:
    with pytest.raises(grpc.RpcError) as error:
        client.reload(text)
    assert error.value.code() == code
    assert error.value.details().startswith(message)


def test_a_rewritten_config_file_is_served(
    half_plus_two: Path, half_plus_three: Path, tmp_path: Path
) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    publish(half_plus_three, tmp_path / "other" / "1")
    file = tmp_path / "models.txt"
    file.write_text(config(tmp_path, "half"))
    options = {"model_config_file": file, "model_config_file_poll_wait_seconds": 0.05, "rest_api_port": None}
    with (
        serving(tmp_path, **options) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        client = Client(server, channel)
        assert client.ask() == (1, 3.0)
        file.write_text("improper_config {}")
        file.write_text(config(tmp_path, "half", "other"))
        until(lambda: "other" in server.models.repositories and server.models.ready)
        assert client.ask(name="other") == (1, 4.0)


def test_health_and_reflection(client: Client) -> None:
    for name in ("", "PredictionService", "tensorflow.serving.PredictionService", "half"):
        assert client.healthy(name) == UP
    with pytest.raises(grpc.RpcError) as error:
        client.healthy("never")
    assert error.value.code() == grpc.StatusCode.NOT_FOUND
    wanted = reflection_pb2.ServerReflectionRequest(list_services="")
    (answer,) = client.reflection.ServerReflectionInfo(iter([wanted]), timeout=TIMEOUT_S)
    assert {"tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"} < {
        service.name for service in answer.list_services_response.service
    }


def test_metrics_have_tensorflow_servings_names(client: Client) -> None:
    client.ask()
    client.refusal(version=9)
    client.refusal(name="a name that nobody serves")
    client.http("POST", "/v1/models/half:predict", {"instances": [2.0]})
    status, page, headers = client.http("GET", METRICS)
    assert (status, headers["content-type"].partition(";")[0]) == (200, "text/plain")
    for line in (
        "# TYPE :tensorflow:serving:request_count counter",
        ':tensorflow:serving:request_count{model_name="half",status="OK"} 2.0',
        ':tensorflow:serving:request_count{model_name="half",status="NOT_FOUND"} 1.0',
        ':tensorflow:serving:request_count{model_name="",status="NOT_FOUND"} 1.0',
        "# TYPE :tensorflow:serving:request_latency histogram",
        ':tensorflow:serving:request_latency_count{API="Predict",entrypoint="GRPC",model_name="half"} 1.0',
        ':tensorflow:serving:request_latency_count{API="predict",entrypoint="REST",model_name="half"} 1.0',
        ':tensorflow:serving:runtime_latency_count{API="Predict",model_name="half",runtime="TF1"} 2.0',
        'emotion_serving_version_available{model_name="half",version="1"} 1.0',
        "emotion_serving_ready 1.0",
    ):
        assert line in page.splitlines()
    assert "nobody" not in page, "clients must not fill the memory with names"


def test_without_a_monitoring_config_there_are_no_metrics(half_plus_two: Path, tmp_path: Path) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    with (
        serving(tmp_path, monitoring_config_file=None) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        assert Client(server, channel).http("GET", METRICS)[0] == 404


class Held:
    """Holds every computation until it is released."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.released = threading.Event()
        self.running = threading.Semaphore(0)
        compute = SavedModelEngine.compute

        def held(*arguments: Any) -> Any:
            self.running.release()
            assert self.released.wait(TIMEOUT_S)
            return compute(*arguments)

        monkeypatch.setattr(SavedModelEngine, "compute", held)


def test_a_stop_answers_what_waits_and_refuses_what_comes(
    half_plus_two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    server = serving(tmp_path)
    held = Held(monkeypatch)
    rest_answers: list[tuple[int, str, dict[str, str]]] = []
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        client = Client(server, channel)
        assert client.http("GET", "/readyz")[0] == client.http("GET", "/readyz/half")[0] == 200
        asking = threading.Thread(
            target=lambda: rest_answers.append(
                client.http("POST", "/v1/models/half:predict", {"instances": [4.0]})
            )
        )
        asking.start()
        burst = [client.predict.future(request(float(x)), TIMEOUT_S) for x in range(64)]
        for _ in range(5):
            assert held.running.acquire(timeout=TIMEOUT_S)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        until(lambda: server.lifecycle.refusing)
        assert (client.healthy(), client.healthy("half")) == (DOWN, DOWN)
        assert client.http("GET", "/readyz")[0] == client.http("GET", "/readyz/half")[0] == 503
        assert client.http("GET", "/healthz")[0] == 200
        assert client.http("POST", "/v1/models/half:predict", {"instances": [1.0]})[0] == 503
        assert client.http("GET", "/v1/models/half")[2]["connection"] == "close"
        assert client.refusal() == (
            grpc.StatusCode.UNAVAILABLE,
            "the server is shutting down; ask another one",
        )
        held.released.set()
        assert [call.result().outputs["y"].float_val[0] for call in burst] == [x / 2 + 2 for x in range(64)]
        stopping.join(TIMEOUT_S)
        asking.join(TIMEOUT_S)
    assert [(status, body) for status, body, _ in rest_answers] == [(200, '{"predictions": [4.0]}')]
    assert server.lifecycle.in_flight == 0


def test_a_request_whose_deadline_has_passed_is_not_computed(
    half_plus_two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    with serving(tmp_path, grpc_max_threads=1, rest_api_timeout_in_ms=50) as server:
        held = Held(monkeypatch)
        with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            client = Client(server, channel)
            first = client.predict.future(request(), TIMEOUT_S)
            assert held.running.acquire(timeout=TIMEOUT_S)
            with pytest.raises(grpc.RpcError) as error:
                client.predict(request(), 0.05)
            assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
            status, body, _ = client.http("POST", "/v1/models/half:predict", {"instances": [1.0]})
            assert (status, json.loads(body)["error"]) == (504, "no answer within 0.05 s")
            held.released.set()
            first.result()
            client.ask()
        assert held.running.acquire(timeout=0)
        assert held.running.acquire(timeout=0)
        assert not held.running.acquire(timeout=0), "only the REST request and the last one ran"


class Stalling:
    """Clients that begin a message and say no more."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self._silence = threading.Event()
        self.calls: list[grpc.Future] = []

    def begin(self, path: str = "/tensorflow.serving.PredictionService/Predict") -> grpc.Future:
        self.calls.append(self._channel.stream_unary(path).future(self._nothing()))
        return self.calls[-1]

    def _nothing(self) -> Iterator[bytes]:
        self._silence.wait(2 * TIMEOUT_S)
        yield from ()

    def __enter__(self) -> "Stalling":
        return self

    def __exit__(self, *_: object) -> None:
        for call in self.calls:
            call.cancel()
        self._silence.set()


def begin_over_rest(server: ModelServer) -> socket.socket:
    slow = socket.create_connection(("127.0.0.1", server.rest_port or 0), TIMEOUT_S)
    slow.sendall(b"POST /v1/models/half:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
    return slow


def test_clients_that_stall_in_a_message_hold_up_nobody(half_plus_two: Path, tmp_path: Path) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    with (
        serving(tmp_path, grpc_max_threads=1, rest_api_timeout_in_ms=300) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
        Stalling(channel) as stalling,
        begin_over_rest(server) as slow,
    ):
        client = Client(server, channel)
        for _ in range(4):
            stalling.begin()
        until(lambda: server.lifecycle.in_flight == 5)
        assert client.ask() == (1, 3.0)
        assert slow.recv(4096).startswith(b"HTTP/1.1 504 ")
        for call in stalling.calls:
            call.cancel()
        until(lambda: server.lifecycle.in_flight == 0)


def test_clients_that_stall_give_way_when_the_server_is_full(
    half_plus_two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    with (
        serving(tmp_path, guard=GuardConfig(max_in_flight=3)) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
        Stalling(channel) as stalling,
    ):
        client = Client(server, channel)
        first = stalling.begin()
        until(lambda: server.lifecycle.in_flight == 1)
        with begin_over_rest(server) as slow:
            until(lambda: server.lifecycle.in_flight == 2)
            last = stalling.begin()
            until(lambda: server.lifecycle.in_flight == 3)
            monkeypatch.setattr(arrivals, "_STALLED_SECONDS", TIMEOUT_S)
            assert client.refusal()[0] == grpc.StatusCode.RESOURCE_EXHAUSTED, "they may still be read"
            monkeypatch.setattr(arrivals, "_STALLED_SECONDS", 0.0)
            assert client.ask() == (1, 3.0)
            assert first.code() == grpc.StatusCode.CANCELLED
            again = stalling.begin()
            until(lambda: server.lifecycle.in_flight == 3)
            assert client.http("POST", "/v1/models/half:predict", {"instances": [2.0]})[0] == 200
            assert slow.recv(4096).startswith(b"HTTP/1.1 504 ")
        assert not last.done()
        assert not again.done()


def test_clients_that_stall_give_way_when_all_threads_read(
    half_plus_two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    monkeypatch.setattr(arrivals, "_STALLED_SECONDS", 0.0)
    monkeypatch.setattr(grpc_server, "_READERS", 2)
    with (
        serving(tmp_path, grpc_max_threads=1) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
        Stalling(channel) as stalling,
    ):
        client = Client(server, channel)
        for _ in range(2):
            stalling.begin()
            stalling.begin("/grpc.health.v1.Health/Check")
            stalling.begin("/grpc.health.v1.Health/Watch")
        until(lambda: server.lifecycle.in_flight == 2)
        assert client.ask() == (1, 3.0)
        assert client.healthy() == UP


def test_a_message_that_is_none_and_a_call_without_one(client: Client, server: ModelServer) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        begin = channel.stream_unary("/tensorflow.serving.PredictionService/Predict")
        for messages, code, details in (
            ([b"\xff" * 9], grpc.StatusCode.INTERNAL, "Exception deserializing request!"),
            (
                [],
                grpc.StatusCode.UNIMPLEMENTED,
                '"/tensorflow.serving.PredictionService/Predict" requires exactly one request message.',
            ),
        ):
            with pytest.raises(grpc.RpcError) as error:
                begin(iter(messages), timeout=TIMEOUT_S)
            assert (error.value.code(), error.value.details()) == (code, details)
    assert client.ask() == (1, 3.0)


def test_a_unix_socket_alone(half_plus_two: Path, tmp_path: Path) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    path = tmp_path / "s"
    with (
        serving(tmp_path, port=None, rest_api_port=None, grpc_socket_path=path) as server,
        grpc.insecure_channel(f"unix:{path}") as channel,
    ):
        assert Client(server, channel).ask() == (1, 3.0)


def test_answers_in_tensor_content(half_plus_two: Path, tmp_path: Path) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    with (
        serving(tmp_path, enable_serialization_as_tensor_content=True, rest_api_port=None) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        output = Client(server, channel).predict(request(), TIMEOUT_S).outputs["y"]
        assert (tf.make_ndarray(output).tolist(), list(output.float_val)) == ([3.0], [])
        assert output.tensor_content


def test_a_broken_model_among_others_stops_the_start(half_plus_two: Path, tmp_path: Path) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    publish_broken(tmp_path / "broken" / "3")
    file = tmp_path / "models.txt"
    file.write_text(config(tmp_path, "half", "broken"))
    message = (
        r"Failed to start server\. Error: 1 model\(s\) did not become available: \{\{name: broken version: 3"
    )
    with pytest.raises(ServerStartError, match=message):
        serving(tmp_path, model_config_file=file)


def test_pages_of_other_origins_may_call_if_told_so(half_plus_two: Path, tmp_path: Path) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    with (
        serving(tmp_path, rest_api_enable_cors_support=True) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        client = Client(server, channel)
        for method, body in (("OPTIONS", None), ("POST", {"instances": [2.0]})):
            status, _, headers = client.http(
                method, "/v1/models/half:predict", body, Origin="https://app.example"
            )
            assert (status, headers["access-control-allow-origin"]) == (200, "*")


def self_signed() -> tuple[bytes, bytes]:
    """Key and certificate of 127.0.0.1, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, certificate.public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize("mutual", [False, True])
def test_tls(half_plus_two: Path, tmp_path: Path, mutual: bool) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    key, certificate = self_signed()
    file = tmp_path / "ssl.txt"
    fields = [("server_key", key), ("server_cert", certificate), ("custom_ca", certificate)]
    file.write_text(
        " ".join(f"{name}: {json.dumps(pem.decode())}" for name, pem in fields)
        + f" client_verify: {str(mutual).lower()}"
    )
    with serving(tmp_path, ssl_config_file=file, rest_api_port=None) as server:
        address = f"127.0.0.1:{server.port}"
        anonymous = grpc.ssl_channel_credentials(certificate)
        known = grpc.ssl_channel_credentials(certificate, key, certificate)
        with grpc.secure_channel(address, known if mutual else anonymous) as channel:
            assert Client(server, channel).ask() == (1, 3.0)
        refused = grpc.secure_channel(address, anonymous) if mutual else grpc.insecure_channel(address)
        with refused as channel:
            assert Client(server, channel).refusal()[0] == grpc.StatusCode.UNAVAILABLE
