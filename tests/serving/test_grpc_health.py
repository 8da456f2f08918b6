import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2

from serving import arrivals
from serving.server import ModelServer
from tests.serving.conftest import publish
from tests.serving.operation import TIMEOUT_S, UP, Client, serving
from tests.waiting import until

_SETTINGS, _HEADERS, _DATA = 4, 1, 0
_INITIAL_WINDOW_SIZE = 4


@contextmanager
def watcher_that_takes_no_byte(server: ModelServer) -> Iterator[socket.socket]:
    """A client of `Health/Watch` whose HTTP/2 window is 0 (RFC 9113, 6.9.2), so that sending to it never ends."""
    headers = {
        b":method": b"POST",
        b":scheme": b"http",
        b":path": b"/grpc.health.v1.Health/Watch",
        b":authority": b"x",
        b"content-type": b"application/grpc",
        b"te": b"trailers",
    }
    # Literal fields without indexing (RFC 7541, 6.2.2).
    block = b"".join(
        b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value for name, value in headers.items()
    )
    with socket.create_connection(("127.0.0.1", server.port or 0), TIMEOUT_S) as client:
        client.sendall(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            + _frame(_SETTINGS, 0, 0, struct.pack(">HI", _INITIAL_WINDOW_SIZE, 0))
            + _frame(_HEADERS, 4, 1, block)  # END_HEADERS
            + _frame(_DATA, 1, 1, b"\0\0\0\0\0")  # END_STREAM, an empty message
        )
        yield client


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def test_watchers_that_take_no_byte_hold_up_nobody(
    half_plus_two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    monkeypatch.setattr(arrivals, "_STALLED_SECONDS", TIMEOUT_S)
    with ExitStack() as stack:
        server = stack.enter_context(serving(tmp_path))
        channel = stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{server.port}"))
        watches = server._grpc._watches.arrivals  # type: ignore[union-attr]
        for _ in range(2):
            stack.enter_context(watcher_that_takes_no_byte(server))
        until(lambda: watches.waiting == 2)

        monkeypatch.setattr(arrivals, "_STALLED_SECONDS", 0.0)
        client = Client(server, channel)
        assert client.healthy() == UP
        assert next(client.health.Watch(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)).status == UP

        stack.enter_context(watcher_that_takes_no_byte(server))
        stopping = threading.Thread(target=server.stop, daemon=True)
        stopping.start()
        until(lambda: not stopping.is_alive())
