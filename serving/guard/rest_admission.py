"""Admission as middleware of the REST side."""

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import RequestTooLargeError, ServingError
from serving.guard.admission import Admission
from serving.lifecycle import Lifecycle
from serving.rest_responses import error_response

__all__ = ["rest_admission"]


def rest_admission(admission: Admission, lifecycle: Lifecycle, *, max_bytes: int) -> Middleware:
    """For `RestOptions.middleware`; `max_bytes` of a body, 0 = no limit."""
    return Middleware(_RestAdmission, admission=admission, lifecycle=lifecycle, max_bytes=max_bytes)


class _RestAdmission:
    """Refuses a request before its body is read, or as soon as the body is too large."""

    def __init__(self, app: ASGIApp, *, admission: Admission, lifecycle: Lifecycle, max_bytes: int) -> None:
        self._app = app
        self._admission = admission
        self._lifecycle = lifecycle
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            headers = Headers(scope=scope)
            # Browsers ask with OPTIONS, and without a key, whether they may send one; nothing is computed for it.
            if scope["method"] != "OPTIONS":
                in_flight = self._lifecycle.in_flight - 1  # without this one
                self._admission.admit(scope["path"], headers, transport="REST", in_flight=in_flight)
            if self._max_bytes:
                length = headers.get("content-length", "")
                _check_size(int(length) if length.isdecimal() else 0, self._max_bytes)
                receive = self._counting(receive)
        except ServingError as err:
            await error_response(err)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _counting(self, receive: Receive) -> Receive:
        """A chunked body does not say how large it will be."""
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                _check_size(received, self._max_bytes)
            return message

        return counted


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise RequestTooLargeError(f"the body has more than {max_bytes} bytes; send it in parts")
