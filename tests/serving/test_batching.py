"""A server that batches, over its ports."""

import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from serving import setup
from serving.config import ServerConfig
from serving.errors import ServerStartError
from serving.metrics import Metrics
from serving.server import ModelServer
from tests.serving.conftest import publish
from tests.serving.operation import TIMEOUT_S, Client, Held, request, serving
from tests.waiting import until

PARAMETERS = """
num_batch_threads { value: 1 }
max_batch_size { value: 4 }
max_enqueued_batches { value: 1 }
"""


@pytest.fixture
def server(half_plus_two: Path, tmp_path: Path) -> Iterator[ModelServer]:
    publish(half_plus_two, tmp_path / "half" / "1")
    parameters = tmp_path / "batching.txt"
    parameters.write_text(PARAMETERS)
    with serving(
        tmp_path, grpc_max_threads=None, enable_batching=True, batching_parameters_file=parameters
    ) as server:
        yield server


@pytest.fixture
def client(server: ModelServer) -> Iterator[Client]:
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield Client(server, channel)


def queued(server: ModelServer) -> int:
    return server.metrics.value("emotion_serving_batch_queue_rows")


def asked(server: ModelServer, client: Client, x: float) -> grpc.Future:
    """A call that waits for a batch."""
    before = queued(server)
    call = client.predict.future(request(x), TIMEOUT_S)
    until(lambda: queued(server) > before)
    return call


def test_waiting_requests_are_bounded_counted_and_computed_together(
    server: ModelServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch)
    first = client.predict.future(request(0), TIMEOUT_S)
    assert held.running.acquire(timeout=TIMEOUT_S)
    waiting = [asked(server, client, x) for x in range(1, 5)]
    code, message = client.refusal()
    assert code is grpc.StatusCode.UNAVAILABLE
    assert message.startswith(
        "The batch scheduling queue to which this task was submitted is full; task size is 1"
    )
    status, body, _ = client.http("POST", "/v1/models/half:predict", {"instances": [1.0]})
    assert (status, json.loads(body)["error"]) == (503, message)
    waiting.pop().cancel()
    until(lambda: queued(server) == 3)
    waiting.append(asked(server, client, 4))
    held.released.set()
    answers = [call.result().outputs["y"].float_val[0] for call in (first, *waiting)]
    assert answers == [x / 2 + 2 for x in range(5)]
    assert held.running.acquire(timeout=TIMEOUT_S)
    assert not held.running.acquire(timeout=0), "the four that waited were one batch"
    page = client.http("GET", "/monitoring/prometheus/metrics")[1]
    prefix = ":tensorflow:serving:batching_session:"
    for line in (
        f"# TYPE {prefix}wrapped_run_count counter",
        f"{prefix}wrapped_run_count 2.0",
        f'{prefix}processed_batch_size_bucket{{le="1.0"}} 1.0',
        f'{prefix}processed_batch_size_bucket{{le="4.0"}} 2.0',
        f"{prefix}input_batch_size_count 6.0",
        f'{prefix}queuing_latency_count{{thread_pool_name="batch_threads"}} 5.0',
        'emotion_serving_batch_tokens_total{kind="text"} 5.0',
        'emotion_serving_batch_tokens_total{kind="padding"} 0.0',
        "emotion_serving_batch_queue_rows 0.0",
    ):
        assert line in page.splitlines(), line


def test_a_stop_answers_what_is_queued(
    server: ModelServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch)
    first = client.predict.future(request(0), TIMEOUT_S)
    assert held.running.acquire(timeout=TIMEOUT_S)
    waiting = [asked(server, client, x) for x in (1, 2, 3)]
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    until(lambda: server.lifecycle.refusing)
    held.released.set()
    answers = [call.result().outputs["y"].float_val[0] for call in (first, *waiting)]
    assert answers == [2.0, 2.5, 3.0, 3.5]
    stopping.join(TIMEOUT_S)
    assert server.lifecycle.in_flight == 0


def test_nobody_computes_for_a_rest_client_that_has_gone(
    server: ModelServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch)
    first = client.predict.future(request(0), TIMEOUT_S)
    assert held.running.acquire(timeout=TIMEOUT_S)
    connection = http.client.HTTPConnection("127.0.0.1", client.rest_port, timeout=TIMEOUT_S)
    connection.request("POST", "/v1/models/half:predict", json.dumps({"instances": [1.0]}))
    until(lambda: queued(server) == 1)
    connection.close()
    until(lambda: queued(server) == 0)
    held.released.set()
    first.result()
    assert not held.running.acquire(timeout=0)


def test_a_request_that_waits_too_long_is_not_computed(
    half_plus_two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    parameters = tmp_path / "batching.txt"
    parameters.write_text(PARAMETERS)
    settings = {"enable_batching": True, "batching_parameters_file": parameters}
    with (
        serving(tmp_path, rest_api_timeout_in_ms=200, **settings) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        client, held = Client(server, channel), Held(monkeypatch)
        first = client.predict.future(request(0), TIMEOUT_S)
        assert held.running.acquire(timeout=TIMEOUT_S)
        assert client.http("POST", "/v1/models/half:predict", {"instances": [1.0]})[0] == 504
        with pytest.raises(grpc.RpcError) as error:
            client.predict(request(), 0.2)
        assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        until(lambda: queued(server) == 0)
        held.released.set()
        first.result()
        assert not held.running.acquire(timeout=0)


def test_the_budget_must_be_positive(half_plus_two: Path, tmp_path: Path) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    with pytest.raises(ServerStartError, match="max_batch_tokens must be positive; was 0"):
        serving(tmp_path, enable_batching=True, max_batch_tokens=0)


@pytest.mark.parametrize(
    ("settings", "batches", "threads"),
    [
        ({}, None, 8),
        ({"enable_batching": True}, 4, 2),
        ({"enable_batching": True}, 16, 1),
        ({"enable_batching": True, "tensorflow_intra_op_parallelism": 5}, 4, 5),
    ],
)
def test_each_batch_has_its_part_of_the_cpus(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    batches: int | None,
    threads: int,
) -> None:
    monkeypatch.setattr(setup, "CPUS", 8)
    if batches:
        settings["batching_parameters_file"] = tmp_path / "batching.txt"
        settings["batching_parameters_file"].write_text(f"num_batch_threads {{ value: {batches} }}")
    options = setup.load_options(ServerConfig(**settings), Metrics(lambda _: True))
    assert options.session_config.intra_op_parallelism_threads == threads


@pytest.mark.parametrize("setting", ["tensorflow_intra_op_parallelism", "tensorflow_session_parallelism"])
def test_threads_that_tensorflow_would_abort_for_stop_the_start(setting: str) -> None:
    with pytest.raises(ServerStartError, match="-1 threads within an operation: give"):
        setup.session_config(ServerConfig(**{setting: -1}))  # type: ignore[arg-type]


def test_so_do_those_of_a_configuration_file(tmp_path: Path) -> None:
    file = tmp_path / "session.txt"
    file.write_text("intra_op_parallelism_threads: -3")
    with pytest.raises(ServerStartError, match="-3 threads within an operation"):
        setup.session_config(ServerConfig(tensorflow_session_config_file=file))
