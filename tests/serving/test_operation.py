"""A running server that is changed and watched while clients call it."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from tensorflow_serving.apis import (
    get_model_status_pb2,
)

from serving import arrivals
from serving.errors import ServerStartError
from serving.server import ModelServer
from tests.serving.conftest import publish, publish_broken
from tests.serving.operation import (
    DOWN,
    METRICS,
    TIMEOUT_S,
    UP,
    Client,
    config,
    request,
    self_signed,
    serving,
)
from tests.waiting import until


@pytest.fixture
def server(half_plus_two: Path, tmp_path: Path) -> Iterator[ModelServer]:
    publish(half_plus_two, tmp_path / "half" / "1")
    with serving(tmp_path) as server:
        yield server


@pytest.fixture
def client(server: ModelServer) -> Iterator[Client]:
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield Client(server, channel)


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


def test_more_clients_watch_than_there_are_threads(client: Client, tmp_path: Path) -> None:
    wanted = health_pb2.HealthCheckRequest(service="half")
    watches = [client.health.Watch(wanted, timeout=TIMEOUT_S) for _ in range(5)]
    assert [next(watch).status for watch in watches] == [UP] * 5
    watches.pop().cancel()
    with pytest.raises(grpc.RpcError):
        client.reload(config(tmp_path, "absent"))
    assert all(DOWN in (answer.status for answer in watch) for watch in watches)


def test_clients_of_streams_that_say_nothing_hold_up_nobody(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "_STALLED_SECONDS", 0.0)
    silence = threading.Event()
    idle = [client.reflection.ServerReflectionInfo(iter(silence.wait, True)) for _ in range(4)]
    try:
        wanted = health_pb2.HealthCheckRequest(service="half")
        assert next(client.health.Watch(wanted, timeout=TIMEOUT_S)).status == UP
        listed = reflection_pb2.ServerReflectionRequest(list_services="")
        assert list(client.reflection.ServerReflectionInfo(iter([listed]), timeout=TIMEOUT_S))
    finally:
        silence.set()
        for call in idle:
            call.cancel()


def test_the_gauge_says_what_probes_say(client: Client, tmp_path: Path) -> None:
    def told() -> tuple[int, bool]:
        page = client.http("GET", METRICS)[1].splitlines()
        return client.http("GET", "/readyz")[0], "emotion_serving_ready 1.0" in page

    assert told() == (200, True)
    with pytest.raises(grpc.RpcError):
        client.reload(config(tmp_path, "half", "absent"))
    assert told() == (503, False)


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


@pytest.mark.parametrize(
    "path", ["/tensorflow.serving.PredictionService/Predict", "/grpc.health.v1.Health/Watch"]
)
def test_a_message_that_is_none_and_a_call_without_one(
    client: Client, server: ModelServer, path: str
) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        begin = channel.stream_unary(path)
        for messages, code, details in (
            ([b"\xff" * 9], grpc.StatusCode.INTERNAL, "Exception deserializing request!"),
            (
                [],
                grpc.StatusCode.UNIMPLEMENTED,
                f'"{path}" requires exactly one request message.',
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


@pytest.mark.parametrize("setting", ["port", "rest_api_port"])
def test_a_port_that_is_taken_is_told_before_models_are_loaded(tmp_path: Path, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerStartError, match=f"cannot listen on 127.0.0.1:{port} .* is taken; choose"):
            serving(tmp_path, model_base_path=tmp_path / "nothing is here", **{setting: port})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"port": 70_000}, "--port: expected a port from 0 to 65535; got 70000"),
        ({"rest_api_port": -1}, "--rest_api_port .*: expected a port from 0 to 65535; got -1"),
        ({"grpc_max_threads": -1}, "grpc_max_threads must not be negative"),
        ({"rest_api_num_threads": -2}, "rest_api_num_threads must not be negative"),
    ],
)
def test_numbers_that_cannot_be_are_told(tmp_path: Path, changes: dict[str, int], message: str) -> None:
    with pytest.raises(ServerStartError, match=message):
        serving(tmp_path, **changes)


def test_both_transports_listen_on_ipv6(half_plus_two: Path, tmp_path: Path) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with (
        serving(tmp_path, host="::1") as server,
        grpc.insecure_channel(f"[::1]:{server.port}") as channel,
        socket.create_connection(("::1", server.rest_port or 0), TIMEOUT_S) as connection,
    ):
        assert Client(server, channel).ask() == (1, 3.0)
        connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
