"""Until when somebody waits for a request's answer, for those who compute it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from serving.errors import CancelledError, DeadlineExceededError

__all__ = ["Call", "current_call", "running"]


class Call:
    """One request, as those who compute it see it. Thread-safe.

    Args:
        timeout_seconds: after which nobody waits any longer; None = somebody always waits. So does, to gRPC, a client
            without a deadline: 292 billion years, longer than a thread can.
    """

    def __init__(self, timeout_seconds: float | None = None) -> None:
        if timeout_seconds is not None and timeout_seconds > threading.TIMEOUT_MAX:
            timeout_seconds = None
        self._deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        self._lock = threading.Lock()
        self._cancelled = False
        self._listener: Callable[[], None] | None = None

    @property
    def over(self) -> bool:
        """Whether nobody waits any longer."""
        return self.seconds_left == 0

    @property
    def seconds_left(self) -> float | None:
        """Until nobody waits any longer: 0 once the deadline has passed or the client has gone; None without end."""
        if self._cancelled:
            return 0.0
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def cancel(self) -> None:
        """Says that nobody waits any longer."""
        with self._lock:
            self._cancelled = True
            listener = self._listener
        if listener:
            listener()

    def check(self) -> None:
        """Raises if nobody waits any longer.

        Raises:
            CancelledError: the client has gone.
            DeadlineExceededError: the deadline has passed.
        """
        if self._cancelled:
            raise CancelledError("the client has gone")
        if self.seconds_left == 0:
            raise DeadlineExceededError("the deadline passed while the request waited")

    @contextmanager
    def on_cancel(self, listener: Callable[[], None]) -> Iterator[None]:
        """Inside the block, `listener` is called once the call is cancelled; at once if it is already."""
        with self._lock:
            self._listener = listener
            cancelled = self._cancelled
        if cancelled:
            listener()
        try:
            yield
        finally:
            with self._lock:
                self._listener = None


_current: ContextVar[Call | None] = ContextVar("current call", default=None)


def current_call() -> Call:
    """The call that this thread or task works for; one that never ends outside of any."""
    return _current.get() or Call()


@contextmanager
def running(call: Call) -> Iterator[Call]:
    """Inside the block, `current_call` is this one."""
    token = _current.set(call)
    try:
        yield call
    finally:
        _current.reset(token)
