"""Replies in JSON, and what errors are over HTTP; middleware answers with these too."""

import json
import math
from collections.abc import Mapping

from starlette.responses import Response

from serving.errors import RequestTooLargeError, ServingError
from serving.json_values import Json

__all__ = ["error_response", "json_response"]

_HTTP_STATUSES: Mapping[str, int] = {
    "CANCELLED": 499,
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""Of error codes; all others are 500 (model_servers/http_server.cc)."""


def error_response(error: ServingError, headers: Mapping[str, str] | None = None) -> Response:
    """`{"error": message}` with the status of the error's code."""
    status = _HTTP_STATUSES.get(error.code, 500)
    if isinstance(error, RequestTooLargeError):
        status = 413
    told = dict(headers or {})
    if error.retry_after_seconds is not None:
        told["retry-after"] = str(math.ceil(error.retry_after_seconds))
    if status == 401:
        told["www-authenticate"] = "Bearer"
    return json_response({"error": str(error)}, status, told)


def json_response(document: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A document as JSON; what a client sent that is no UTF-8 is quoted as question marks."""
    content = json.dumps(document, ensure_ascii=False).encode(errors="replace")
    return Response(content, status, headers, media_type="application/json")
