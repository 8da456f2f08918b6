"""When to ask again, within the time that the caller has."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from serving.errors import DeadlineExceededError, ResourceExhaustedError, ServingError, UnavailableError

__all__ = ["Attempts", "FailedCallError", "Retries"]


@dataclass(frozen=True, kw_only=True)
class Retries:
    """Of requests that the server could not take: UNAVAILABLE and RESOURCE_EXHAUSTED, 503 and 429; of no others.

    Attributes:
        count: of tries after the first; 0 = none.
        first_wait_s: before the second try, doubled before each one after it.
        longest_wait_s: of a single wait.

    A wait is drawn between half and the whole of its length, so that clients that failed together do not come back
    together. `retry-after` of the server is waited for in full.
    """

    count: int = 4
    first_wait_s: float = 0.1
    longest_wait_s: float = 5.0


class FailedCallError(Exception):
    """A call that was answered by an error; `retry_after_s` is what the server asked to wait, None if nothing."""

    def __init__(self, error: ServingError, retry_after_s: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.retry_after_s = retry_after_s


class Attempts:
    """The tries of one request.

    Args:
        retries: how often, and with which waits.
        timeout_s: for all tries and waits together.
        draw: uniform in 0-1.
    """

    def __init__(
        self, retries: Retries, timeout_s: float, *, draw: Callable[[], float] = random.random
    ) -> None:
        self._retries = retries
        self._timeout_s = timeout_s
        self._deadline = time.monotonic() + timeout_s
        self._draw = draw
        self._failed = 0

    @property
    def remaining_s(self) -> float:
        """What a try may take.

        Raises:
            DeadlineExceededError: nothing is left.
        """
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise DeadlineExceededError(f"no answer within {self._timeout_s:g} s")
        return remaining

    def wait_s(self, failed: FailedCallError) -> float:
        """How long to wait before the next try.

        Raises:
            ServingError: what the server said, if another try would not help, or not in time.
        """
        self._failed += 1
        if isinstance(failed.error, DeadlineExceededError):
            said = f"no answer within {self._timeout_s:g} s: {failed.error}"
            raise DeadlineExceededError(said) from failed.__cause__
        may_help = isinstance(failed.error, UnavailableError | ResourceExhaustedError)
        if not may_help or self._failed > self._retries.count:
            raise failed.error from failed.__cause__
        length_s = min(self._retries.longest_wait_s, self._retries.first_wait_s * 2.0 ** (self._failed - 1))
        wait = max(length_s * (0.5 + 0.5 * self._draw()), failed.retry_after_s or 0.0)
        if wait >= self._deadline - time.monotonic():
            raise failed.error from failed.__cause__
        return wait
