"""What a failed stage says to a person, and whether it may work if it is tried again."""

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from components.core.errors import (
    EmotionPipelineError,
    StageError,
    StoppedError,
    StorageError,
    TransientError,
    UserError,
)

__all__ = ["explain", "is_stop", "is_transient"]

_PASSING_ERRNOS = {
    errno.ECONNREFUSED,
    errno.ECONNRESET,
    errno.EHOSTUNREACH,
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.ETIMEDOUT,
}

_PASSING_STATUSES = {408, 425, 429, 500, 502, 503, 504}
"""HTTP: timeouts, too many requests, and a server's own trouble."""

_PASSING_CLASSES = {
    ("aiohttp", "ClientConnectionError"),
    ("aiohttp", "ClientPayloadError"),
    ("botocore", "ConnectionError"),
    ("botocore", "HTTPClientError"),
    ("google", "TransportError"),
    ("requests", "ConnectionError"),
    ("requests", "Timeout"),
    ("urllib3", "HTTPError"),
}
"""Lost connections by top-level package and class: the clients of object stores have no common base."""


def is_stop(error: BaseException | None) -> bool:
    """Whether it is no failure: the process was told to stop."""
    return isinstance(error, (KeyboardInterrupt, StoppedError))


def explain(stage: str, error: BaseException, log: Path) -> EmotionPipelineError:
    """The error in a sentence that names the stage; mistakes of the user and stops keep their kind."""
    if isinstance(error, (UserError, StoppedError)):
        return type(error)(f"{stage}: {error}")
    if _says_disk_full(error):
        return StorageError(
            f"{stage}: the disk is full; free some space and run again: finished stages are kept"
        )
    if isinstance(error, PermissionError):
        return UserError(
            f"{stage}: no permission for {error.filename}; change its owner or choose another directory"
        )
    said = str(error) if isinstance(error, EmotionPipelineError) else f"{type(error).__name__}: {error}"
    return StageError(f"{stage}: {said} (details in {log})")


def is_transient(error: BaseException) -> bool:
    """Whether the error, or one that it came from, tends to pass by itself."""
    return not isinstance(error, StoppedError) and any(map(_passes, _chain(error)))


def _passes(error: BaseException) -> bool:
    if isinstance(error, (TransientError, ConnectionError, TimeoutError)):
        return True
    if isinstance(error, socket.gaierror):
        return error.errno == socket.EAI_AGAIN
    if isinstance(error, OSError) and error.errno in _PASSING_ERRNOS:
        return True
    kinds = {(kind.__module__.partition(".")[0], kind.__name__) for kind in type(error).__mro__}
    return bool(kinds & _PASSING_CLASSES) or _http_status(error) in _PASSING_STATUSES


def _http_status(error: BaseException) -> int | None:
    """The HTTP status that a client's error carries: urllib, aiohttp, gcsfs, google.api_core, requests, botocore."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        found = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
        found = getattr(response, "status_code", None)
    for name in ("status", "code"):
        found = getattr(error, name, None) if found is None else found
    return found if isinstance(found, int) else None


def _says_disk_full(error: BaseException) -> bool:
    """Whether the disk was full, said by the error or by what it came from; Beam and TensorFlow only quote it."""
    return any(
        (isinstance(each, OSError) and each.errno == errno.ENOSPC)
        or os.strerror(errno.ENOSPC) in str(each)
        or "disk is full" in str(each)
        for each in _chain(error)
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
