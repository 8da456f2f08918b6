"""What becomes of a gRPC call when it arrives: whether it is taken, and whose thread reads its message."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from serving.arrivals import Arrivals
from serving.errors import ServingError, UnavailableError
from serving.grpc_service import SERVICES, abort
from serving.lifecycle import Lifecycle

__all__ = ["Admission", "CountingPool", "ReadingPool", "run_in"]

_OWN = tuple(f"/{name}/" for name in SERVICES)
"""Starts of the methods that are refused while the server drains: health and reflection answer to the end."""
_NO_MESSAGE = '"{}" requires exactly one request message.'
_BROKEN_MESSAGE = "Exception deserializing request!"
"""Both in gRPC's own words (grpc/_server.py)."""
_STALLED = "the request did not arrive in time, and others needed its place"
_LOOK_AGAIN_SECONDS = 1.0
"""In so long, a call that had just begun to stall has done so for long enough to give way."""
_HOLD_SECONDS = 2.0
"""The most that a refusal is held back: far more than it takes to close the ports."""


class ReadingPool(ThreadPoolExecutor):
    """Each thread reads a message and answers it. Where all are taken, calls that stall have to go.

    Args:
        max_threads: calls read or answered at a time; the others wait.
        name: of its threads.
        arrivals: the calls that are being read.
    """

    def __init__(self, max_threads: int, name: str, arrivals: Arrivals) -> None:
        super().__init__(max_threads, thread_name_prefix=name)
        self.arrivals = arrivals
        self._max_threads = max_threads
        self._lock = threading.Lock()
        self._calls = 0
        self._timer: threading.Timer | None = None
        self._closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Runs a call when a thread is free."""
        self._arrive()
        try:
            future = super().submit(fn, *args, **kwargs)
        except RuntimeError:
            self._leave()
            raise
        future.add_done_callback(lambda _: self._leave())
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Takes no more calls."""
        super().shutdown(wait, cancel_futures=cancel_futures)
        with self._lock:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()

    def _arrive(self) -> None:
        with self._lock:
            self._calls += 1
        self._make_room()

    def _leave(self) -> None:
        with self._lock:
            self._calls -= 1

    def _make_room(self) -> None:
        """Looks again while calls wait: those that hold the threads may stall only later, when no other call comes."""
        with self._lock:
            waiting = self._calls - self._max_threads
            if waiting > 0 and self._timer is None and not self._closed:
                self._timer = threading.Timer(_LOOK_AGAIN_SECONDS, self._look_again)
                self._timer.daemon = True
                self._timer.start()
        while waiting > 0 and self.arrivals.make_room():
            waiting -= 1

    def _look_again(self) -> None:
        with self._lock:
            self._timer = None
        self._make_room()


class CountingPool(ReadingPool):
    """Tells the lifecycle of every call that gRPC hands over, when it waits for a thread already."""

    def __init__(self, max_threads: int, lifecycle: Lifecycle) -> None:
        super().__init__(max_threads, "grpc", lifecycle.arrivals)
        self._lifecycle = lifecycle

    def _arrive(self) -> None:
        self._lifecycle.arrive()
        super()._arrive()

    def _leave(self) -> None:
        super()._leave()
        self._lifecycle.leave()


class _SameThread(ThreadPoolExecutor):
    """Runs what waits for nothing in the thread that hands it over, and spares it the wait for another one."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as err:
            future.set_exception(err)
        return future


class Admission(grpc.ServerInterceptor):
    """Runs when a call arrives, so that those that wait already are not refused.

    Args:
        lifecycle: whether the server drains.
        admit: see `GrpcOptions`.
        calls: reads and answers the calls of TensorFlow Serving's services.
        probes: reads and answers the others.
        watches: reads the calls of one message that have many answers.
    """

    def __init__(
        self,
        lifecycle: Lifecycle,
        admit: Callable[[grpc.HandlerCallDetails], None] | None,
        *,
        calls: ReadingPool,
        probes: ReadingPool,
        watches: ReadingPool,
    ) -> None:
        self._lifecycle = lifecycle
        self._admit = admit
        self._calls = calls
        self._probes = probes
        self._watches = watches
        self._same_thread = _SameThread(1)
        self._holding = False
        self._ports_closed = threading.Event()

    @contextmanager
    def holding_refusals(self) -> Iterator[None]:
        """Whom it would refuse meanwhile, it tells at the end of the block, in which the ports are closed.

        gRPC cancels calls that come in the milliseconds between the end of its server and the GOAWAY that tells the
        clients of it; CANCELLED does not say that the call may be sent elsewhere. A client that waits for its refusal
        sends no such call, and hears of the end together with it.
        """
        self._holding = True
        try:
            yield
        finally:
            self._ports_closed.set()

    def intercept_service(self, continuation: Callable[[Any], Any], details: Any) -> Any:
        """Refuses the call, or has it read."""
        is_own = details.method.startswith(_OWN)
        try:
            if is_own and self._lifecycle.refusing:
                self._lifecycle.turn_away()
                return self._refusal(UnavailableError("the server is shutting down; ask another one"))
            if self._admit is not None:
                self._admit(details)
        except ServingError as err:
            return self._refusal(err)
        handler = continuation(details)
        if handler is None or handler.request_streaming:
            return handler
        if handler.response_streaming:
            return _reading(handler, details.method, self._watches)
        return _reading(handler, details.method, self._calls if is_own else self._probes)

    def _refusal(self, error: ServingError) -> Any:
        held = self._holding

        def refuse(_: Any, context: grpc.ServicerContext) -> None:
            if held:
                self._ports_closed.wait(_HOLD_SECONDS)
            abort(context, error)

        # As if the client sent a stream, so that the answer does not wait for a message that nobody reads.
        return grpc.stream_unary_rpc_method_handler(
            run_in(self._calls if held else self._same_thread, refuse)
        )


def _reading(handler: Any, method: str, pool: ReadingPool) -> Any:
    """The handler of a call of one message, as if the client sent a stream.

    So gRPC shows the call before its message is there, and it can be given up if it stalls; and the call's own thread
    parses what may be 100 MB, not the one that takes all calls.

    A handler of many answers that does not block is given what sends them, and leaves the thread at once.
    """
    behavior = handler.unary_stream or handler.unary_unary

    def answer(messages: Iterator[bytes], context: grpc.ServicerContext, *send: Callable[[Any], None]) -> Any:
        stalled = False

        def give_up() -> None:
            nonlocal stalled
            stalled = True
            context.cancel()

        with pool.arrivals.expected(give_up):
            message = next(messages, None)
        if stalled and message is None:
            # What is said here may reach the client before the cancellation does.
            context.abort(grpc.StatusCode.CANCELLED, _STALLED)
        if message is None:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, _NO_MESSAGE.format(method))
        try:
            request = handler.request_deserializer(message)
        except DecodeError:
            context.abort(grpc.StatusCode.INTERNAL, _BROKEN_MESSAGE)
        return behavior(request, context, *send)

    run = run_in(pool, answer)
    if not handler.response_streaming:
        return grpc.stream_unary_rpc_method_handler(run, response_serializer=handler.response_serializer)
    run.experimental_non_blocking = getattr(behavior, "experimental_non_blocking", False)  # type: ignore[attr-defined]
    return grpc.stream_stream_rpc_method_handler(run, response_serializer=handler.response_serializer)


def run_in(pool: ThreadPoolExecutor, behavior: Callable[..., Any]) -> Callable[..., Any]:
    """Has gRPC run a handler in a pool of its own (grpc/_server.py, `_select_thread_pool_for_behavior`)."""

    def run(*arguments: Any) -> Any:
        return behavior(*arguments)

    run.experimental_thread_pool = pool  # type: ignore[attr-defined]
    return run
