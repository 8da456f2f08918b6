"""The health service, whose watchers cannot hold up each other, checks, or the server."""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2

from serving.grpc_calls import ReadingPool

__all__ = ["HealthServicer"]


class HealthServicer(health.HealthServicer):
    """Sends to watchers in threads of its own.

    gRPC's own sends while it holds the lock that every check needs, and where a client takes no byte, as one whose
    HTTP/2 window is 0, that never ends.

    Args:
        pool: its threads send; who stalls gives way to others.
    """

    def __init__(self, pool: ReadingPool) -> None:
        super().__init__()
        self._pool = pool

    def Watch(  # noqa: N802 - gRPC's name
        self, request: Any, context: grpc.ServicerContext, send_response_callback: Callable[[Any], None]
    ) -> None:
        """Tells a watcher the status of a service, and each one that follows."""
        super().Watch(request, context, _Watcher(self._pool, context, send_response_callback))


class _Watcher:
    """Sends the newest status, one at a time."""

    def __init__(self, pool: ReadingPool, context: grpc.ServicerContext, send: Callable[[Any], None]) -> None:
        self._pool = pool
        self._context = context
        self._send = send
        self._lock = threading.Lock()
        self._newest: health_pb2.HealthCheckResponse | None = None
        self._sending = False

    def __call__(self, response: health_pb2.HealthCheckResponse | None) -> None:
        """Waits for nothing; `None` says that the watcher has gone."""
        if response is None:
            self._send(None)
            return
        with self._lock:
            self._newest = response
            if self._sending:
                return
            self._sending = True
        with suppress(RuntimeError):  # the server has stopped
            self._pool.submit(self._send_newest)

    def _send_newest(self) -> None:
        with self._pool.arrivals.expected(self._context.cancel):
            while (response := self._take()) is not None:
                self._send(response)

    def _take(self) -> health_pb2.HealthCheckResponse | None:
        with self._lock:
            response, self._newest = self._newest, None
            self._sending = response is not None
            return response
