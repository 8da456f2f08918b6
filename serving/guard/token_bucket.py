"""How often somebody may do something."""

import threading
import time
from collections.abc import Callable

__all__ = ["TokenBucket"]


class TokenBucket:
    """Holds up to `burst` tokens, and one more for each `1 / per_second` s that pass. Thread-safe.

    Args:
        per_second: tokens; greater than 0.
        burst: tokens at most, and at first; at least 1.
        clock: in seconds; not the time of day, which jumps.
    """

    def __init__(self, per_second: float, burst: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_second = per_second
        self.burst = burst
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens = float(burst)
        self._counted = clock()

    def take(self) -> float:
        """Takes a token and returns 0; without one, the seconds until there is one."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self.burst, self._tokens + (now - self._counted) * self.per_second)
            self._counted = now
            if self._tokens < 1:
                return (1 - self._tokens) / self.per_second
            self._tokens -= 1
            return 0.0
