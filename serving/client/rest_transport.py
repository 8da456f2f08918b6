"""Predict over REST, on httpx (the extra `client`)."""

import asyncio
import json
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import httpx

from serving.client.answers import Prediction, prediction
from serving.client.retries import FailedCallError
from serving.client.target import Target
from serving.client.transport import Inputs
from serving.errors import InternalError, error_of

__all__ = ["AsyncRestTransport", "RestTransport"]

_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""Of HTTP statuses; 502 comes from proxies whose server has gone. All others are INTERNAL."""


class RestTransport:
    """Over a pool of connections."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._http = httpx.Client(**_settings(target))

    def predict(self, inputs: Inputs, timeout_s: float) -> Prediction:
        """Sends it once; httpx gives every wait for the socket the whole time, so the body is held to it here."""
        deadline = time.monotonic() + timeout_s
        path, body = _path(self._target), _body(inputs)
        try:
            with self._http.stream("POST", path, content=body, timeout=timeout_s) as response:
                content = b"".join(_in_time(response.iter_bytes(), deadline))
        except (httpx.HTTPError, TimeoutError) as err:
            raise _unanswered(err, self._target) from err
        return _prediction(self._target, response, content, texts=len(inputs["text"]))

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()


class AsyncRestTransport:
    """Over a pool of connections, for asyncio."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._http = httpx.AsyncClient(**_settings(target))

    async def predict(self, inputs: Inputs, timeout_s: float) -> Prediction:
        """Sends it once."""
        try:
            async with asyncio.timeout(timeout_s):
                response = await self._http.post(_path(self._target), content=_body(inputs), timeout=None)
        except (httpx.HTTPError, TimeoutError) as err:
            raise _unanswered(err, self._target) from err
        return _prediction(self._target, response, response.content, texts=len(inputs["text"]))

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()


def _settings(target: Target) -> dict[str, Any]:
    headers = {"content-type": "application/json"}
    if target.token:
        headers["authorization"] = f"Bearer {target.token}"
    settings: dict[str, Any] = {"base_url": target.url, "headers": headers}
    if target.has_tls and (target.ca_file or target.client_certificate):
        context = ssl.create_default_context(cafile=target.ca_file)
        if target.client_certificate:
            context.load_cert_chain(*target.client_certificate)
        settings["verify"] = context
    return settings


def _path(target: Target) -> str:
    path = f"v1/models/{quote(target.model, safe='')}"
    if target.version is not None:
        path += f"/versions/{target.version}"
    if target.version_label is not None:
        path += f"/labels/{quote(target.version_label, safe='')}"
    return f"{path}:predict"


def _body(inputs: Inputs) -> bytes:
    # Halves of surrogate pairs become question marks, as over gRPC.
    return json.dumps({"inputs": inputs}, ensure_ascii=False).encode("utf-8", errors="replace")


def _in_time(chunks: Iterator[bytes], deadline: float) -> Iterator[bytes]:
    for chunk in chunks:
        if time.monotonic() > deadline:
            raise TimeoutError
        yield chunk


def _prediction(target: Target, response: httpx.Response, content: bytes, *, texts: int) -> Prediction:
    answer = _document(content)
    if response.status_code != 200:
        code = _CODES.get(response.status_code, "INTERNAL")
        message = answer.get("error") or f"HTTP {response.status_code} {response.reason_phrase}"
        raise FailedCallError(error_of(code, str(message)), _retry_after(response))
    outputs = answer.get("outputs")
    if not isinstance(outputs, dict):
        raise InternalError(f"{response.url} answered without outputs by name; is it a model server?")
    said = response.headers.get("x-model-version")
    version = int(said) if said and said.isdecimal() else target.version
    return prediction(outputs, texts=texts, model=target.model, version=version)


def _document(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError:  # a proxy's own page
        return {}
    return document if isinstance(document, dict) else {}


def _unanswered(error: Exception, target: Target) -> FailedCallError:
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return FailedCallError(error_of("DEADLINE_EXCEEDED", f"{target.url} did not answer"))
    if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol):
        # Another try would fail alike. The error's own words may quote a header.
        return FailedCallError(error_of("INVALID_ARGUMENT", f"{target.url}: the request cannot be sent"))
    # A prediction changes nothing, so it can be asked for again even if the connection broke in its midst.
    return FailedCallError(error_of("UNAVAILABLE", f"{target.url}: {error or type(error).__name__}"))


def _retry_after(response: httpx.Response) -> float | None:
    value = response.headers.get("retry-after", "")
    try:
        return float(value)
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
