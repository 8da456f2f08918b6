"""Counts of the last minutes."""

import time
from collections import deque
from collections.abc import Callable

from serving.watch.counts import TrafficCounts

__all__ = ["SlidingWindow"]

_PARTS = 12


class SlidingWindow:
    """Counts that are forgotten a twelfth at a time. Not thread-safe.

    Args:
        outputs: columns of the model's scores.
        seconds: how long counts are kept: at least eleven twelfths of it, at most all of it.
        clock: seconds that never go back.
    """

    def __init__(self, outputs: int, *, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._outputs = outputs
        self._part_seconds = seconds / _PARTS
        self._clock = clock
        self._parts: deque[tuple[int, TrafficCounts]] = deque()

    def current(self) -> TrafficCounts:
        """Where to count now."""
        number = self._forget()
        if not self._parts or self._parts[-1][0] != number:
            self._parts.append((number, TrafficCounts(self._outputs)))
        return self._parts[-1][1]

    def total(self) -> TrafficCounts:
        """All that is not forgotten yet, added up."""
        self._forget()
        total = TrafficCounts(self._outputs)
        for _, part in self._parts:
            total.add(part)
        return total

    def _forget(self) -> int:
        number = int(self._clock() / self._part_seconds)
        while self._parts and self._parts[0][0] <= number - _PARTS:
            self._parts.popleft()
        return number
