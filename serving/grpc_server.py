"""Listens for gRPC: ports, credentials, threads, health, reflection, and the end of it all."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from serving.arrivals import Arrivals
from serving.data_plane import DataPlane
from serving.errors import ServerStartError
from serving.grpc_calls import Admission, CountingPool, ReadingPool, run_in
from serving.grpc_health import HealthServicer
from serving.grpc_service import SERVICES, Turns, add_services
from serving.lifecycle import Lifecycle

__all__ = ["GrpcOptions", "GrpcServer"]

_log = logging.getLogger(__name__)

_MAX_MESSAGE_BYTES = 2**31 - 1
_CHANNEL_ARGUMENTS: dict[str, str | int] = {
    "grpc.max_send_message_length": _MAX_MESSAGE_BYTES,
    "grpc.max_receive_message_length": _MAX_MESSAGE_BYTES,
    # Without this a second server on the same port takes half of the requests, silently.
    "grpc.so_reuseport": 0,
}
_HEALTH_OF_SERVICES = ("", "PredictionService", "ModelService", *SERVICES)
"""Names whose health is known: that of the whole server, TensorFlow Serving's short ones, and the full ones."""
_STOP_SECONDS = 1.0
_FAREWELL_SECONDS = 0.3
"""In so long most clients that go on asking have a call that waits for its refusal."""
_READERS = 1024
"""Calls whose messages are read at a time, and that wait for a turn; the server's default limit of them."""


@dataclass(frozen=True, kw_only=True)
class GrpcOptions:
    """How to listen.

    Attributes:
        address: `host:port`, port 0 takes a free one; None = no TCP.
        socket_path: of a UNIX socket; None = none.
        max_threads: calls answered at a time; the others wait.
        credentials: for TLS; None = plain text.
        channel_arguments: of gRPC itself, by name.
        admit: is asked when a call arrives, before it waits for a thread; what it raises is the answer.
        interceptors: run before each call that was admitted, the first one outermost.
        health: whether the health service answers.
        as_tensor_content: see `grpc_service.add_services`.
    """

    address: str | None
    socket_path: Path | None = None
    max_threads: int
    credentials: grpc.ServerCredentials | None = None
    channel_arguments: tuple[tuple[str, str | int], ...] = ()
    admit: Callable[[grpc.HandlerCallDetails], None] | None = None
    interceptors: tuple[grpc.ServerInterceptor, ...] = ()
    health: bool = True
    as_tensor_content: bool = False


class GrpcServer:
    """Answers from construction on, until it is stopped.

    A pool of threads beats `grpc.aio` here: the threads spend their time inside TensorFlow, outside the interpreter's
    lock.

    Raises:
        ServerStartError: an address cannot be listened on.
    """

    def __init__(self, plane: DataPlane, lifecycle: Lifecycle, options: GrpcOptions) -> None:
        self._plane = plane
        self._lifecycle = lifecycle
        self._calls = CountingPool(max(options.max_threads, _READERS), lifecycle)
        # Probes must be answered while every other thread computes, or waits for the client of a stream.
        self._probes = ReadingPool(2, "grpc probes", Arrivals())
        self._watches = ReadingPool(2, "grpc health watches", Arrivals())
        self._reflections = ReadingPool(2, "grpc reflection", Arrivals())
        self._admission = Admission(
            lifecycle, options.admit, calls=self._calls, probes=self._probes, watches=self._watches
        )
        self._server = grpc.server(
            self._calls,
            # Of an argument that is given twice, gRPC takes the first.
            options=[*{**_CHANNEL_ARGUMENTS, **dict(options.channel_arguments)}.items()],
            interceptors=[self._admission, *options.interceptors],
        )
        add_services(
            self._server, plane, Turns(options.max_threads), as_tensor_content=options.as_tensor_content
        )
        self._health = HealthServicer(self._watches)
        self._healthy: set[str] = set()
        if options.health:
            health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflected = reflection.ReflectionServicer((*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME))
        reflected.ServerReflectionInfo = run_in(
            self._reflections, _giving_way(self._reflections.arrivals, reflected.ServerReflectionInfo)
        )
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(reflected, self._server)
        self.port: int | None = None
        if options.address is not None:
            self.port = self._listen(options.address, options.credentials)
        if options.socket_path is not None:
            self._listen(f"unix:{options.socket_path}", options.credentials)
        self.update_health()
        self._server.start()

    def update_health(self) -> None:
        """Tells watchers of gRPC health what is true now: of the server, its services and each model by name."""
        up, down = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
        serving, models = self._lifecycle.serving, self._plane.models
        for name in _HEALTH_OF_SERVICES:
            self._health.set(name, up if serving and models.ready else down)
        known = {name: bool(one.available) for name, one in models.repositories.items()}
        for name in known.keys() | self._healthy:
            self._health.set(name, up if serving and known.get(name) else down)
        self._healthy = set(known)

    def stop(self) -> None:
        """Closes the ports; what still runs then is given a moment."""
        with self._admission.holding_refusals():
            if not self._lifecycle.quiet:
                time.sleep(_FAREWELL_SECONDS)
            stopped = self._server.stop(_STOP_SECONDS)
        stopped.wait()
        for pool in (self._calls, self._probes, self._watches, self._reflections):
            pool.shutdown(wait=False)

    def _listen(self, address: str, credentials: grpc.ServerCredentials | None) -> int:
        try:
            if credentials is None:
                port: int = self._server.add_insecure_port(address)
            else:
                port = self._server.add_secure_port(address, credentials)
        except RuntimeError as err:
            raise ServerStartError(
                f"cannot listen on {address} for gRPC; is the port taken? Choose another --port"
            ) from err
        shown = address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"
        _log.info("Running gRPC ModelServer at %s ...", shown.replace("unix:", "UNIX socket "))
        return port


def _giving_way(arrivals: Arrivals, behavior: Callable[[Any, Any], Iterator[Any]]) -> Callable[..., Any]:
    """A handler of streams that ends when others need its thread: its client may say nothing for ever."""

    def answer(requests: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        with arrivals.expected(context.cancel):
            yield from behavior(requests, context)

    return answer
