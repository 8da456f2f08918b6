"""Decides, when a request arrives and before it waits for anything, whether it is taken."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

import prometheus_client

from serving.errors import PermissionDeniedError, ResourceExhaustedError, ServingError, UnauthenticatedError
from serving.guard.caller import Caller, current_caller
from serving.guard.keys import ApiKey, ApiKeys
from serving.guard.token_bucket import TokenBucket
from serving.guard.watched_files import WatchedFiles
from serving.metrics import Metrics

__all__ = ["Admission", "check_model", "check_reload", "may_ask"]

_COMPUTING = ("/v1/", "/tensorflow.serving.predictionservice/")
"""In lower case. Only these are refused under load: what tells or changes the state must work then above all."""
_RETRY_AFTER_SECONDS = 1.0
_MAX_REQUEST_ID = 128


class Admission:
    """The same rules for both transports. Thread-safe, and quick enough for the threads that wait on sockets.

    Args:
        keys: who may call; None = everybody.
        exempt: paths that need no key; `*` at the end stands for anything.
        max_in_flight: requests that are accepted and not answered, from which on more are refused; 0 = no limit.
        make_room: gives up a request that stalls, if there is one, when there are too many (`Arrivals.make_room`).
        metrics: counts what is refused.
        trace_context: reads a client's trace from the headers; None = without tracing.
    """

    def __init__(
        self,
        *,
        keys: WatchedFiles[ApiKeys] | None,
        exempt: tuple[str, ...],
        max_in_flight: int,
        make_room: Callable[[], bool],
        metrics: Metrics,
        trace_context: Callable[[Mapping[str, str]], Any] | None = None,
    ) -> None:
        self._keys = keys
        self._exempt = frozenset(path for path in exempt if not path.endswith("*"))
        self._exempt_starts = tuple(path[:-1] for path in exempt if path.endswith("*"))
        self._max_in_flight = max_in_flight
        self._make_room = make_room
        self._trace_context = trace_context
        self._refused = prometheus_client.Counter(
            "emotion_serving_refused_total",
            "Requests that were refused on arrival.",
            ["code", "key"],
            registry=metrics.registry,
        )
        self._lock = threading.Lock()
        self._buckets: dict[str, TokenBucket] = {}

    def admit(self, path: str, headers: Mapping[str, str], *, transport: str, in_flight: int) -> None:
        """Takes a request, and notes who sends it (`current_caller`).

        Args:
            path: of REST or of gRPC (`/service/method`).
            headers: by name in lower case; gRPC's metadata.
            transport: `GRPC` or `REST`.
            in_flight: requests that are accepted and not answered, without this one.

        Raises:
            UnauthenticatedError: it has no key, or one that is not known.
            ResourceExhaustedError: the server holds too many requests, or the key was used too often.
        """
        key = None
        try:
            if self._keys is not None and not self._is_exempt(path):
                key = _identify(self._keys.current(), headers)
            is_full = self._max_in_flight and in_flight >= self._max_in_flight
            if is_full and _computes(path) and not self._make_room():
                raise ResourceExhaustedError(
                    f"the server has {in_flight} requests to answer and takes no more; try again later",
                    retry_after_seconds=_RETRY_AFTER_SECONDS,
                )
            if key is not None and key.requests_per_second:
                self._count(key)
        except ServingError as err:
            self._refused.labels(err.code, key.name if key else "").inc()
            raise
        request_id = headers.get("x-request-id", "")[:_MAX_REQUEST_ID]
        trace = self._trace_context(headers) if self._trace_context else None
        current_caller.set(Caller(transport=transport, key=key, request_id=request_id, trace_context=trace))

    def _is_exempt(self, path: str) -> bool:
        return ".." not in path and (path in self._exempt or path.startswith(self._exempt_starts))

    def _count(self, key: ApiKey) -> None:
        rate = (key.requests_per_second, key.burst)
        with self._lock:
            bucket = self._buckets.get(key.name)
            if bucket is None or (bucket.per_second, bucket.burst) != rate:
                bucket = self._buckets[key.name] = TokenBucket(*rate)
        if wait := bucket.take():
            raise ResourceExhaustedError(
                f"the key {key.name} is good for {key.requests_per_second:g} requests a second, "
                f"{key.burst} at once; try again in {wait:.3g} s",
                retry_after_seconds=wait,
            )


def may_ask(model: str) -> bool:
    """Whether the current caller may use a model."""
    caller = current_caller.get()
    return not (caller and caller.key) or caller.key.may_ask(model)


def check_model(model: str) -> None:
    """Refuses a model that is not for the current caller.

    Raises:
        PermissionDeniedError: its key is for others.
    """
    caller = current_caller.get()
    if caller and caller.key and not may_ask(model):
        raise PermissionDeniedError(f"the key {caller.key.name} may not use model {model}")


def check_reload() -> None:
    """Whether the current caller may change what is served.

    Raises:
        PermissionDeniedError: its key does not allow it.
    """
    caller = current_caller.get()
    if caller and caller.key and not caller.key.may_reload:
        raise PermissionDeniedError(
            f"the key {caller.key.name} may not change what is served; its entry needs may_reload = true"
        )


def _computes(path: str) -> bool:
    return path.lower().startswith(_COMPUTING)


def _identify(keys: ApiKeys, headers: Mapping[str, str]) -> ApiKey:
    scheme, _, presented = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        presented = headers.get("x-api-key", "")
    if not (presented := presented.strip()):
        raise UnauthenticatedError("a key is needed: send authorization: Bearer KEY, or x-api-key: KEY")
    key = keys.find(presented)
    if key is None:
        raise UnauthenticatedError("the key is not known here")
    return key
