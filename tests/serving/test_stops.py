"""What a server still answers when it stops, when a deadline has passed, and when clients stall."""

import http.client
import json
import logging
import math
import socket
import threading
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc

from serving import arrivals, grpc_server, rest_server
from serving.grpc_calls import ReadingPool
from serving.guard.config import GuardConfig
from serving.server import ModelServer
from tests.serving.conftest import publish
from tests.serving.operation import DOWN, TIMEOUT_S, UP, Client, Held, request, serving
from tests.waiting import until


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
        until(lambda: server.lifecycle.in_flight == len(burst) + 1)
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


def test_clients_that_never_pause_hear_of_a_stop_and_nothing_else(
    half_plus_two: Path, tmp_path: Path
) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    server = serving(tmp_path)
    codes: Counter[grpc.StatusCode] = Counter()
    stopped = threading.Event()

    def ask() -> None:
        own = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(f"127.0.0.1:{server.port}", options=own) as channel:
            predict = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
            while not stopped.is_set():
                code = predict.future(request(), TIMEOUT_S).code()
                codes[code] += 1

    clients = [threading.Thread(target=ask) for _ in range(8)]
    for client in clients:
        client.start()
    until(lambda: codes[grpc.StatusCode.OK] > 100)
    server.stop()
    stopped.set()
    for client in clients:
        client.join(TIMEOUT_S)
    assert codes.keys() == {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}


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
                client.predict(request(8.0), 0.05)
            assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
            status, body, _ = client.http("POST", "/v1/models/half:predict", {"instances": [1.0]})
            assert (status, json.loads(body)["error"]) == (504, "no answer within 0.05 s")
            held.released.set()
            first.result()
            client.ask()
    assert 8.0 not in held.asked


def test_who_is_told_that_the_time_is_up_still_takes_a_thread(
    half_plus_two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    with serving(tmp_path, rest_api_num_threads=2, rest_api_timeout_in_ms=50) as server:
        held = Held(monkeypatch)
        with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            client = Client(server, channel)
            for _ in range(5):
                assert client.http("POST", "/v1/models/half:predict", {"instances": [1.0]})[0] == 504
            held.released.set()
            assert client.ask(2.0) == (1, 3.0)
    assert held.asked.count(1.0) <= 2
    assert held.asked[-1] == 2.0


def test_who_is_told_that_the_time_is_up_leaves_no_body_behind(
    half_plus_two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    with serving(tmp_path, rest_api_num_threads=1, rest_api_timeout_in_ms=300) as server:
        held = Held(monkeypatch)
        with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            client = Client(server, channel)
            assert client.http("POST", "/v1/models/half:predict", {"instances": [1.0]})[0] == 504
            assert held.running.acquire(timeout=TIMEOUT_S)
            body = b" " * 2**20
            tracemalloc.start()
            try:
                for _ in range(16):
                    assert client.http("POST", "/v1/models/half:predict", body)[0] == 504
                until(lambda: server.lifecycle.in_flight == 0)
                left, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            held.released.set()
    assert left < 8 * len(body)


def test_a_second_signal_waits_for_nothing(
    half_plus_two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    server = serving(tmp_path, grace_seconds=10 * TIMEOUT_S)
    held = Held(monkeypatch)
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        client = Client(server, channel)
        body = {"instances": [1.0]}
        asking = threading.Thread(target=lambda: client.http("POST", "/v1/models/half:predict", body))
        asking.start()
        assert held.running.acquire(timeout=TIMEOUT_S)
        hurry = threading.Event()
        hurry.set()
        stopping = threading.Thread(target=server.stop, kwargs={"hurry": hurry})
        stopping.start()
        stopping.join(TIMEOUT_S / 2)
        has_stopped = not stopping.is_alive()
        held.released.set()
        stopping.join(TIMEOUT_S)
        asking.join(TIMEOUT_S)
    assert has_stopped


def test_a_grace_period_without_an_end_ends_with_the_last_request(
    half_plus_two: Path, tmp_path: Path
) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    server = serving(tmp_path, grace_seconds=math.inf)
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port or 0))


@pytest.mark.parametrize("hurried", [False, True])
def test_a_stop_sends_large_answers_to_the_end_unless_in_a_hurry(
    half_plus_two: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    hurried: bool,
) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    monkeypatch.setattr(rest_server, "_STOP_SECONDS", 0)
    caplog.set_level(logging.INFO, "uvicorn.error")
    server = serving(tmp_path, grace_seconds=10 * TIMEOUT_S, guard=GuardConfig(max_batch_texts=0))
    rows = 500_000
    body = json.dumps({"instances": [2.4691358] * rows}).encode()
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.settimeout(TIMEOUT_S)
        slow.connect(("127.0.0.1", server.rest_port))
        head = f"POST /v1/models/half:predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        slow.sendall(head.encode() + body)
        answer = http.client.HTTPResponse(slow)
        answer.begin()
        until(lambda: server.lifecycle.in_flight == 0)
        hurry = threading.Event()
        stopping = threading.Thread(target=server.stop, kwargs={"hurry": hurry})
        stopping.start()
        until(lambda: "Waiting for connections to close" in caplog.text or not stopping.is_alive())
        if hurried:
            hurry.set()
        else:
            assert len(json.loads(answer.read())["predictions"]) == rows
        stopping.join(TIMEOUT_S)
        assert not stopping.is_alive()
        answer.close()


@pytest.mark.parametrize("batching", [False, True])
def test_clients_without_a_deadline_wait_for_their_turn(
    half_plus_two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batching: bool
) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    with (
        serving(tmp_path, grpc_max_threads=None if batching else 1, enable_batching=batching) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        client = Client(server, channel)
        held = Held(monkeypatch)
        calls = [client.predict.future(request(float(x))) for x in range(16)]
        assert held.running.acquire(timeout=TIMEOUT_S)
        until(lambda: server.lifecycle.in_flight == len(calls))
        held.released.set()
        assert [call.result(TIMEOUT_S).outputs["y"].float_val[0] for call in calls] == [
            x / 2 + 2 for x in range(16)
        ]


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

    def end(self) -> None:
        """The streams end, without a message."""
        self._silence.set()

    def __enter__(self) -> "Stalling":
        return self

    def __exit__(self, *_: object) -> None:
        for call in self.calls:
            call.cancel()
        self.end()


def begin_over_rest(server: ModelServer, path: str = "/v1/models/half:predict") -> socket.socket:
    slow = socket.create_connection(("127.0.0.1", server.rest_port or 0), TIMEOUT_S)
    slow.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{{".encode())
    return slow


def test_clients_that_stall_in_a_message_hold_up_nobody(half_plus_two: Path, tmp_path: Path) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    with (
        serving(tmp_path, grpc_max_threads=1, rest_api_timeout_in_ms=300) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
        Stalling(channel) as stalling,
    ):
        client = Client(server, channel)
        for _ in range(4):
            stalling.begin()
        until(lambda: server.lifecycle.arrivals.waiting == 4)
        assert client.ask() == (1, 3.0)
        with begin_over_rest(server) as slow, begin_over_rest(server, "/page/nothing") as slow_elsewhere:
            for connection in (slow, slow_elsewhere):
                assert connection.recv(4096).startswith(b"HTTP/1.1 504 ")
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
        reading = server.lifecycle.arrivals
        first = stalling.begin()
        until(lambda: reading.waiting == 1)
        with begin_over_rest(server) as slow:
            until(lambda: reading.waiting == 2)
            last = stalling.begin()
            until(lambda: reading.waiting == 3)
            monkeypatch.setattr(arrivals, "_STALLED_SECONDS", TIMEOUT_S)
            assert client.refusal()[0] == grpc.StatusCode.RESOURCE_EXHAUSTED, "they may still be read"
            monkeypatch.setattr(arrivals, "_STALLED_SECONDS", 0.0)
            assert client.ask() == (1, 3.0)
            assert first.code() == grpc.StatusCode.CANCELLED
            until(lambda: server.lifecycle.in_flight == 2)
            again = stalling.begin()
            until(lambda: reading.waiting == 3)
            assert client.http("POST", "/v1/models/half:predict", {"instances": [2.0]})[0] == 200
            assert slow.recv(4096).startswith(b"HTTP/1.1 504 ")
        assert not last.done()
        assert not again.done()


def test_a_client_that_gives_way_is_told_so_whatever_reaches_it_first(
    half_plus_two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    monkeypatch.setattr(arrivals, "_STALLED_SECONDS", 0.0)
    monkeypatch.setattr("grpc._server._Context.cancel", lambda _: None)  # the cancellation is that late
    with (
        serving(tmp_path) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
        Stalling(channel) as stalling,
    ):
        call = stalling.begin()
        until(lambda: server.lifecycle.in_flight == 1)
        until(server.lifecycle.arrivals.make_room)
        stalling.end()
        assert call.code() == grpc.StatusCode.CANCELLED
        assert call.details() == "the request did not arrive in time, and others needed its place"


def test_clients_that_stall_give_way_to_one_that_waits_already(
    half_plus_two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    monkeypatch.setattr(arrivals, "_STALLED_SECONDS", TIMEOUT_S)
    monkeypatch.setattr(grpc_server, "_READERS", 1)
    with (
        serving(tmp_path, grpc_max_threads=1) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
        Stalling(channel) as stalling,
    ):
        stalled = stalling.begin()
        until(lambda: server.lifecycle.arrivals.waiting == 1)
        asked = Client(server, channel).predict.future(request(), TIMEOUT_S)
        until(timers)
        monkeypatch.setattr(arrivals, "_STALLED_SECONDS", 0.0)
        assert asked.result().outputs["y"].float_val[0] == 3.0
        assert stalled.code() == grpc.StatusCode.CANCELLED
        until(lambda: not timers())


def test_a_pool_that_was_shut_down_does_not_look_for_calls_that_stall() -> None:
    pool = ReadingPool(1, "test", arrivals.Arrivals())
    released = threading.Event()
    calls = [pool.submit(released.wait, TIMEOUT_S) for _ in range(2)]
    try:
        until(timers)
        pool.shutdown(wait=False)
        until(lambda: not timers())
        assert not any(call.done() for call in calls)
    finally:
        released.set()


def timers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


def test_clients_that_stall_give_way_when_all_threads_read(
    half_plus_two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    monkeypatch.setattr(arrivals, "_STALLED_SECONDS", 0.0)
    monkeypatch.setattr(grpc_server, "_READERS", 2)
    reading: list[arrivals.Arrivals] = []

    def noted() -> arrivals.Arrivals:
        reading.append(arrivals.Arrivals())
        return reading[-1]

    monkeypatch.setattr(grpc_server, "Arrivals", noted)
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
        until(lambda: server.lifecycle.arrivals.waiting == 2)
        until(lambda: sum(each.waiting for each in reading) == 4)
        assert client.ask() == (1, 3.0)
        assert client.healthy() == UP
        assert next(client.health.Watch(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)).status == UP
