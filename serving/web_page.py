"""The web page at `/`: texts in, emotions as bars; it calls the same REST API as every other client.

The files of `serving/page` are sent as they are, under a policy that lets the page load and call this server alone.
"""

import hashlib
import mimetypes
from importlib import resources
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from serving.data_plane import DataPlane
from serving.description import describe
from serving.errors import NotFoundError, SavedModelError
from serving.guard.admission import may_ask
from serving.json_values import Json
from serving.rest_responses import json_response

__all__ = ["MODELS_PATH", "page_routes"]

MODELS_PATH = "/models"
"""What the page can ask; the REST API itself lists neither models nor thresholds.

Outside of `/page/`, as it may need a key where the page itself needs none.
"""

_INDEX = "index.html"
_HEADERS = {
    "content-security-policy": "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        ]
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",  # asked anew each time, and answered by 304: no page of an older server
}


def page_routes(plane: DataPlane) -> tuple[BaseRoute, ...]:
    """`/`, the files that it loads, and the models that it offers."""

    def models(_: Request) -> Response:
        return json_response({"models": _models(plane)}, headers={"cache-control": "no-store"})

    folder = resources.files("serving") / "page"
    files = [
        _file_route("/" if file.name == _INDEX else f"/page/{file.name}", file.name, file.read_bytes())
        for file in folder.iterdir()
    ]
    return (*files, Route(MODELS_PATH, models))


def _file_route(path: str, name: str, content: bytes) -> Route:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {**_HEADERS, "etag": etag}

    async def answer(request: Request) -> Response:
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type=kind)

    return Route(path, answer)


def _models(plane: DataPlane) -> list[Json]:
    """Every version that the caller may use, the newest first, with what it says of itself; None if nothing."""
    found = []
    for name, repository in sorted(plane.models.repositories.items()):
        if not may_ask(name):
            continue
        for version in reversed(repository.available):
            try:
                with repository.use(version) as (_, predictor):
                    description = _description(predictor)
            except NotFoundError:  # it was dropped meanwhile
                continue
            found.append({"name": name, "version": version, "description": description})
    return found


def _description(predictor: Any) -> Json:
    try:
        description = describe(predictor.path)
    except SavedModelError:  # a model that is not of this project
        return None
    return {
        "heads": [
            {
                "name": head.name,
                "task": head.task,
                "outputs": head.outputs,
                "mean": head.mean,
                "std": head.std,
            }
            for head in description.heads
        ],
        "thresholds": description.thresholds,
        "max_tokens": description.max_tokens,
        "segments": description.segments,
        "explains": "explain" in description.signatures,
    }
