"""What a test waits for, without knowing how long it takes."""

import time
from collections.abc import Callable

__all__ = ["until"]

_PATIENCE_S = 120.0


def until(condition: Callable[[], object]) -> None:
    """Returns once the condition holds. Raises AssertionError if it never does."""
    give_up = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up, "it never happened"
        time.sleep(0.01)
