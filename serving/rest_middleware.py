"""What goes around every REST request: headers for other origins, and the phases of a stop."""

from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import UnavailableError
from serving.lifecycle import Lifecycle
from serving.rest_responses import error_response

__all__ = ["Cors", "Draining"]


class Cors:
    """Lets pages of every origin call the API, as TensorFlow Serving does (model_servers/http_server.cc), with keys."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, _with_headers(send, _CORS_HEADERS) if _is_http(scope) else send)


_CORS_HEADERS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"POST, GET"),
    (b"access-control-allow-headers", b"Content-Type, Authorization, X-API-Key"),
)


class Draining:
    """Counts requests, asks clients to connect anew while the server stops, and refuses them when it drains."""

    def __init__(self, app: ASGIApp, *, lifecycle: Lifecycle) -> None:
        self._app = app
        self._lifecycle = lifecycle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_http(scope) or scope["path"].startswith(("/healthz", "/readyz")):
            await self._app(scope, receive, send)
            return
        if not self._lifecycle.serving:
            send = _with_headers(send, ((b"connection", b"close"),))
        if self._lifecycle.refusing:
            error = UnavailableError("the server is shutting down; ask another one")
            await error_response(error)(scope, receive, send)
            return
        self._lifecycle.arrive()
        try:
            await self._app(scope, receive, send)
        finally:
            self._lifecycle.leave()


def _is_http(scope: Scope) -> bool:
    return bool(scope["type"] == "http")


def _with_headers(send: Send, headers: Sequence[tuple[bytes, bytes]]) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *headers]}
        await send(message)

    return sending
