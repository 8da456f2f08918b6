"""Requests whose message has not arrived whole, and which of them goes when its place is needed."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Arrivals"]

_STALLED_SECONDS = 1.0
"""A message that takes longer gives way when the server is full. One that was sent whole is read in milliseconds."""


class Arrivals:
    """The requests of one server that are being read, whichever transport brings them. Thread-safe.

    A client that begins a message and says no more holds a thread, and a place among those in flight. That harms nobody
    until others need them: then the one that has stalled longest is given up.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._expected: dict[object, tuple[float, Callable[[], object]]] = {}
        """Since when, and what gives it up; the oldest first."""

    @contextmanager
    def expected(self, give_up: Callable[[], object]) -> Iterator[None]:
        """Inside the block a message is read; `give_up`, called from any thread, must end the block."""
        key = object()
        with self._lock:
            self._expected[key] = (time.monotonic(), give_up)
        try:
            yield
        finally:
            with self._lock:
                self._expected.pop(key, None)

    @property
    def waiting(self) -> int:
        """How many messages are read."""
        return len(self._expected)

    def make_room(self) -> bool:
        """Gives up the message that has stalled longest; returns whether there was one."""
        with self._lock:
            if not self._expected:
                return False
            key, (since, give_up) = next(iter(self._expected.items()))
            if time.monotonic() - since < _STALLED_SECONDS:
                return False
            del self._expected[key]
        give_up()
        return True
