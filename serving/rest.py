"""The REST transport: TensorFlow Serving's HTTP API over the data plane."""

import json
import logging
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import anyio
from google.protobuf.json_format import MessageToDict
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serving.data_plane import DataPlane, ModelSpec
from serving.errors import (
    FailedPreconditionError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    ServingError,
    UnavailableError,
    UnimplementedError,
)
from serving.json_examples import examples_from_json
from serving.json_tensors import array_to_json, inputs_from_json, outputs_to_json
from serving.json_values import Json, parse_object
from serving.wire import signature_def_map, status_response

__all__ = ["rest_application"]

_log = logging.getLogger(__name__)

_HTTP_STATUSES: Mapping[type[ServingError], int] = {
    InvalidArgumentError: 400,
    FailedPreconditionError: 400,
    NotFoundError: 404,
    UnimplementedError: 501,
    UnavailableError: 503,
    InternalError: 500,
}

_MODEL = r"(?P<name>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_POST_PATH = re.compile(rf"/v1/models/{_MODEL}:(?P<method>classify|regress|predict)", re.IGNORECASE)
_GET_PATH = re.compile(rf"/v1/models(?:/{_MODEL})?(?P<metadata>/metadata)?", re.IGNORECASE)

_MAX_INT64 = 2**63 - 1


def rest_application(plane: DataPlane, *, max_threads: int) -> Starlette:
    """The ASGI application; `max_threads` requests are computed at a time, the others wait."""
    api = _RestApi(plane)
    limiter = anyio.CapacityLimiter(max_threads)

    async def handle(request: Request) -> Response:
        body = await request.body()
        path = request.scope["raw_path"].decode("latin-1")
        return await anyio.to_thread.run_sync(api.answer, request.method, path, body, limiter=limiter)

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    return Starlette(routes=[Route("/{path:path}", handle, methods=methods)])


class _RestApi:
    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane

    def answer(self, method: str, path: str, body: bytes) -> Response:
        """Answers one request; every error of the data plane becomes `{"error": message}`."""
        if not path.lower().startswith("/v1/"):
            return Response(status_code=404)
        try:
            return _json_response(self._dispatch(method, path, body), 200)
        except ServingError as err:
            return _json_response({"error": str(err)}, _HTTP_STATUSES.get(type(err), 500))
        except Exception:
            _log.exception("%s %s failed", method, path)
            return _json_response({"error": "internal error; the server's log has the details"}, 500)

    def _dispatch(self, method: str, path: str, body: bytes) -> Json:
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
            return self._metadata(spec) if match["metadata"] else self._status(spec)
        raise InvalidArgumentError(f"Malformed request: {method} {path}")

    def _predict(self, spec: ModelSpec, document: Mapping[str, Json]) -> Json:
        _, signatures = self._plane.signatures(spec)
        name = spec.signature_name or "serving_default"
        if name not in signatures:
            raise InvalidArgumentError(f'Serving signature name: "{name}" not found in signature def')
        outputs = self._plane.predict(spec, inputs_from_json(document, signatures[name]))
        return outputs_to_json(outputs.tensors, rows="instances" in document)

    def _classify(self, spec: ModelSpec, document: Mapping[str, Json]) -> Json:
        _, answer = self._plane.classify(spec, examples_from_json(document))
        rows = zip(array_to_json(answer.classes), array_to_json(answer.scores), strict=True)
        return {"results": [list(map(list, zip(classes, scores, strict=True))) for classes, scores in rows]}

    def _regress(self, spec: ModelSpec, document: Mapping[str, Json]) -> Json:
        _, answer = self._plane.regress(spec, examples_from_json(document))
        return {"results": array_to_json(answer.values)}

    def _status(self, spec: ModelSpec) -> Json:
        return _message_to_json(status_response(self._plane.statuses(spec)))

    def _metadata(self, spec: ModelSpec) -> Json:
        version, signatures = self._plane.signatures(spec)
        return {
            "model_spec": {"name": spec.name, "signature_name": "", "version": str(version)},
            "metadata": {"signature_def": _message_to_json(signature_def_map(signatures))},
        }


def _read_spec(match: re.Match[str], signature_name: str = "") -> ModelSpec:
    version = None if match["version"] is None else int(match["version"])
    if version is not None and version > _MAX_INT64:
        raise InvalidArgumentError(f"Failed to convert version: {match['version']} to numeric.")
    label = None if match["label"] is None else unquote(match["label"])
    return ModelSpec(unquote(match["name"]), version, label, signature_name)


def _message_to_json(message: Any) -> Json:
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def _json_response(document: Json, status: int) -> Response:
    return Response(json.dumps(document, ensure_ascii=False), status, media_type="application/json")
