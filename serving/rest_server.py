"""Runs an ASGI application in a thread of its own, on uvicorn.

Not on the standard library's `http.server`, which knows neither chunked bodies nor limits nor draining and warns
against its use in production; uvicorn and Starlette are the `serving` extra, and come in only with a REST port.
"""

import socket
import ssl
import threading

import uvicorn
from starlette.types import ASGIApp

from serving.errors import ServerStartError

__all__ = ["RestServer"]

_STOP_SECONDS = 1
"""For what still runs when there is no time left."""
_LOOK_SECONDS = 0.1
"""The most that a hurry waits to be seen."""


class RestServer:
    """Listens from construction on, until it is stopped.

    Args:
        application: answers the requests (`serving.rest.rest_application`).
        host: address to listen on.
        port: 0 takes a free one.
        tls: for HTTPS; None = plain text.

    Raises:
        ServerStartError: the port is taken.
    """

    def __init__(
        self,
        application: ASGIApp,
        *,
        host: str,
        port: int,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        listening = _listen(host, port)
        self.port: int = listening.getsockname()[1]
        self._server = uvicorn.Server(
            uvicorn.Config(
                application,
                log_config=None,
                access_log=False,
                lifespan="off",
                ws="none",
                server_header=False,
                ssl_context_factory=None if tls is None else lambda *_: tls,
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listening]}, name="rest", daemon=True
        )
        self._thread.start()

    def stop(self, *, seconds: float = 0.0, hurry: threading.Event | None = None) -> None:
        """Takes no new connections, and sends to the end what was answered.

        Args:
            seconds: the most that this may take; what still runs then is given a moment.
            hurry: once set, there is no more than that moment.
        """
        hurry = hurry or threading.Event()
        most = (
            _STOP_SECONDS if hurry.is_set() else max(_STOP_SECONDS, int(min(seconds, threading.TIMEOUT_MAX)))
        )
        self._server.config.timeout_graceful_shutdown = most
        self._server.should_exit = True
        while self._thread.is_alive() and not hurry.is_set():
            self._thread.join(_LOOK_SECONDS)
        # A thread that goes on sending after a hurry ends with the process.
        self._thread.join(2 * _STOP_SECONDS)


def _listen(host: str, port: int) -> socket.socket:
    try:
        # With the protocol named, asyncio turns Nagle's algorithm off; without, each answer waits 40 ms for an ACK.
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(1024)
        except OSError:
            listening.close()
            raise
    except OSError as err:
        raise ServerStartError(
            f"cannot listen on {host}:{port} for REST ({err.strerror}); choose another --rest_api_port "
            "(of `emotion serve`: --rest-port)"
        ) from err
    return listening
