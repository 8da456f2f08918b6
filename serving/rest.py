"""The REST transport: TensorFlow Serving's HTTP API over the data plane."""

import asyncio
import logging
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import unquote

import anyio
import numpy.typing as npt
from google.protobuf.json_format import MessageToDict
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, request_response

from serving.arrivals import Arrivals
from serving.call import Call, current_call, running
from serving.data_plane import DataPlane, ModelSpec
from serving.errors import (
    DeadlineExceededError,
    FailedPreconditionError,
    InternalError,
    InvalidArgumentError,
    ServingError,
)
from serving.json_examples import examples_from_json
from serving.json_tensors import array_to_json, inputs_from_json, outputs_to_json
from serving.json_values import Json, parse_object
from serving.lifecycle import Lifecycle
from serving.predictor import DEFAULT_SIGNATURE
from serving.rest_middleware import Cors, Draining
from serving.rest_responses import error_response, json_response
from serving.wire import signature_def_map, status_response

__all__ = ["RestOptions", "rest_application"]

_log = logging.getLogger(__name__)

_MODEL = r"(?P<name>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_POST_PATH = re.compile(rf"/v1/models/{_MODEL}:(?P<method>classify|regress|predict)", re.IGNORECASE)
_GET_PATH = re.compile(rf"/v1/models(?:/{_MODEL})?(?P<metadata>/metadata)?", re.IGNORECASE)

_MAX_INT64 = 2**63 - 1
_INT64_DIGITS = len(str(_MAX_INT64))
_MAX_UNZIPPED_BYTES = 100 * 2**20
"""TensorFlow Serving's own limit (util/net_http/compression/gzip_zlib.h)."""


@dataclass(frozen=True, kw_only=True)
class RestOptions:
    """How to answer.

    Attributes:
        max_threads: requests computed at a time; the others wait.
        timeout_seconds: after which a request is answered with 504; None = never.
        cors: whether pages of other origins may call.
        metrics_path: of the metrics for Prometheus; None = not shown.
        max_unzipped_bytes: of a body that was packed; None = TensorFlow Serving's own limit, the most there is.
        middleware: around every request, the first one outermost.
        routes: of more pages, beside the API.
    """

    max_threads: int
    timeout_seconds: float | None = 30.0
    cors: bool = False
    metrics_path: str | None = None
    max_unzipped_bytes: int | None = None
    middleware: tuple[Middleware, ...] = ()
    routes: tuple[BaseRoute, ...] = ()


def rest_application(plane: DataPlane, lifecycle: Lifecycle, options: RestOptions) -> Starlette:
    """The ASGI application: TensorFlow Serving's API under `/v1/`, probes, and metrics."""
    api = _RestApi(plane, options.max_unzipped_bytes)
    threads = _Threads(options.max_threads)

    async def handle(request: Request) -> Response:
        path = request.scope["raw_path"].decode("latin-1")
        try:
            is_api = path.lower().startswith("/v1/")
            # Whatever the answer is: or the connection could not be used again.
            body = await _body(
                request, options, lifecycle.arrivals, keep=is_api and request.method != "OPTIONS"
            )
            if not is_api:
                return Response(status_code=404)
            if request.method == "OPTIONS":
                return _preflight(request)
            encoding = request.headers.get("content-encoding", "")
            model, method = _named_in(path)
            with (
                plane.metrics.request(model, api=method, entrypoint="REST"),
                _deadline(options),
                _call_of(request, options),
            ):
                answer = partial(copy_context().run, api.answer, request.method, path, body, encoding)
                return await threads.run(answer)
        except ServingError as err:
            return error_response(err)
        except ClientDisconnect:
            return Response(status_code=499)  # nobody reads it
        except Exception:
            _log.exception("%s %s failed", request.method, path)
            return error_response(InternalError("internal error; the server's log has the details"))

    async def live(_: Request) -> Response:
        return Response("ok", media_type="text/plain")

    async def ready(request: Request) -> Response:
        name = request.path_params.get("model")
        one = plane.models.repositories.get(name) if name else None
        up = lifecycle.serving and (plane.models.ready if name is None else bool(one and one.available))
        return Response("ok" if up else "not ready", 200 if up else 503, media_type="text/plain")

    async def metrics(_: Request) -> Response:
        return Response(plane.metrics.page(), media_type="text/plain")

    routes = [Route("/healthz", live), Route("/readyz", ready), Route("/readyz/{model}", ready)]
    if options.metrics_path:
        routes.append(Route(options.metrics_path, metrics))
    middleware = [Middleware(Draining, lifecycle=lifecycle), *options.middleware]
    if options.cors:
        middleware.insert(0, Middleware(Cors))
    application = Starlette(routes=[*routes, *options.routes], middleware=middleware)
    # Not as a route: a pattern of a path matches no path that holds a line break.
    application.router.default = request_response(handle)
    application.router.redirect_slashes = False
    return application


async def _body(request: Request, options: RestOptions, arrivals: Arrivals, *, keep: bool) -> bytes:
    """The body of a request; a client that stalls in it holds a place of `max_in_flight`.

    Nothing of it if it is not to be kept: who needs no key must not fill the memory.
    """
    loop = asyncio.get_running_loop()
    with (
        _deadline(options),
        anyio.CancelScope() as scope,
        arrivals.expected(lambda: loop.call_soon_threadsafe(scope.cancel)),
    ):
        if keep:
            return await request.body()
        async for _ in request.stream():
            pass
        return b""
    raise DeadlineExceededError("the body did not arrive, and others needed its place")


@contextmanager
def _deadline(options: RestOptions) -> Iterator[None]:
    """Once the time is up nobody waits any longer; a request that has no thread by then is not computed."""
    try:
        with anyio.fail_after(options.timeout_seconds):
            yield
    except TimeoutError as err:
        raise DeadlineExceededError(f"no answer within {options.timeout_seconds:g} s") from err


@contextmanager
def _call_of(request: Request, options: RestOptions) -> Iterator[None]:
    """Inside the block a call runs, until its time is up or its client goes."""
    call = Call(options.timeout_seconds)

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        call.cancel()

    watching = asyncio.create_task(watch())
    try:
        with running(call):
            yield
    finally:
        watching.cancel()
        call.cancel()


def _named_in(path: str) -> tuple[str, str]:
    """Model and method (`predict`, empty if there is none) that a path names."""
    if match := _POST_PATH.fullmatch(path):
        return unquote(match["name"]), match["method"].lower()
    match = _GET_PATH.fullmatch(path)
    return unquote(match["name"] or "") if match else "", ""


def _preflight(request: Request) -> Response:
    if "http://" in (origin := request.headers.get("origin", "")) or "https://" in origin:
        return Response(media_type="application/json")
    return error_response(FailedPreconditionError("Origin header is missing in CORS preflight"))


class _Threads:
    """Computes answers, so many at a time.

    Whose request is answered with 504 computes on: the thread is free when it has finished, not before. Of a request
    whose time is up before a thread is free nothing stays; a pool would keep its body until it comes to it.
    """

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="rest")
        self._free = asyncio.Semaphore(count)

    async def run(self, answer: Callable[[], Response]) -> Response:
        """Waits for a free thread, and for what it answers."""
        await self._free.acquire()
        loop = asyncio.get_running_loop()

        def release(_: object) -> None:
            with suppress(RuntimeError):  # the server has stopped, and its loop with it
                loop.call_soon_threadsafe(self._free.release)

        computed = self._pool.submit(answer)
        computed.add_done_callback(release)
        return await asyncio.wrap_future(computed)


class _RestApi:
    def __init__(self, plane: DataPlane, max_unzipped_bytes: int | None) -> None:
        self._plane = plane
        self._max_unzipped_bytes = max_unzipped_bytes

    def answer(self, method: str, path: str, body: bytes, encoding: str) -> Response:
        """Answers one request.

        Raises:
            ServingError: it cannot be answered.
        """
        current_call().check()
        max_bytes = min(self._max_unzipped_bytes or _MAX_UNZIPPED_BYTES, _MAX_UNZIPPED_BYTES)
        return self._dispatch(method, path, _decompress(body, encoding, max_bytes))

    def _dispatch(self, method: str, path: str, body: bytes) -> Response:
        if method == "POST" and (match := _POST_PATH.fullmatch(path)):
            document = parse_object(body)
            spec = _read_spec(match, document.get("signature_name", ""))
            match match["method"].lower():
                case "predict":
                    return self._predict(spec, document)
                case "classify":
                    return self._classify(spec, document)
                case "regress":
                    return self._regress(spec, document)
        if method == "GET" and (match := _GET_PATH.fullmatch(path)):
            if match["name"] is None:
                raise InvalidArgumentError("Missing model name in request.")
            spec = _read_spec(match)
            return json_response(self._metadata(spec) if match["metadata"] else self._status(spec))
        raise InvalidArgumentError(f"Malformed request: {method} {path}")

    def _predict(self, spec: ModelSpec, document: Mapping[str, Json]) -> Response:
        name = spec.signature_name or DEFAULT_SIGNATURE

        def read(signatures: Mapping[str, Any]) -> Mapping[str, npt.NDArray[Any]]:
            if name not in signatures:
                raise InvalidArgumentError(f'Serving signature name: "{name}" not found in signature def')
            return inputs_from_json(document, signatures[name])

        outputs = self._plane.predict(spec, read)
        return _answer(outputs_to_json(outputs.tensors, rows="instances" in document), outputs.version)

    def _classify(self, spec: ModelSpec, document: Mapping[str, Json]) -> Response:
        version, answer = self._plane.classify(spec, examples_from_json(document))
        rows = zip(array_to_json(answer.classes), array_to_json(answer.scores), strict=True)
        results = [list(map(list, zip(classes, scores, strict=True))) for classes, scores in rows]
        return _answer({"results": results}, version)

    def _regress(self, spec: ModelSpec, document: Mapping[str, Json]) -> Response:
        version, answer = self._plane.regress(spec, examples_from_json(document))
        return _answer({"results": array_to_json(answer.values)}, version)

    def _status(self, spec: ModelSpec) -> Json:
        return _message_to_json(status_response(self._plane.statuses(spec)))

    def _metadata(self, spec: ModelSpec) -> Json:
        version, signatures = self._plane.signatures(spec)
        return {
            "model_spec": {"name": spec.name, "signature_name": "", "version": str(version)},
            "metadata": {"signature_def": _message_to_json(signature_def_map(signatures))},
        }


def _answer(document: Json, version: int) -> Response:
    # In a header, as the documents are TensorFlow Serving's, which do not say it.
    return json_response(document, headers={"x-model-version": str(version)})


def _read_spec(match: re.Match[str], signature_name: str = "") -> ModelSpec:
    version = None if match["version"] is None else _read_version(match["version"])
    label = None if match["label"] is None else unquote(match["label"])
    return ModelSpec(unquote(match["name"]), version, label, signature_name)


def _read_version(digits: str) -> int:
    # Python refuses to read numbers of thousands of digits.
    significant = digits.lstrip("0")
    if len(significant) > _INT64_DIGITS or (version := int(significant or "0")) > _MAX_INT64:
        raise InvalidArgumentError(f"Failed to convert version: {digits} to numeric.")
    return version


def _message_to_json(message: Any) -> Json:
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def _decompress(body: bytes, encoding: str, max_bytes: int) -> bytes:
    if encoding.lower() not in ("gzip", "x-gzip"):
        return body
    unzip = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        content = unzip.decompress(body, max_bytes)
    except zlib.error as err:
        raise InvalidArgumentError(f"Content-Encoding is gzip, but the body is not ({err})") from err
    if unzip.unconsumed_tail or not unzip.eof:
        raise InvalidArgumentError(
            f"the gzip body is cut off, or larger than {max_bytes} bytes when unpacked"
        )
    return content
