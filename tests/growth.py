"""How the time of a computation grows with what it is given."""

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["TIMES", "assert_linear", "repeated"]

_Given = TypeVar("_Given")

TIMES = 16
_UNNOTICED_S = 0.02


def assert_linear(compute: Callable[[_Given], object], short: _Given, long: _Given) -> None:
    """Raises AssertionError if `long`, which is TIMES as much as `short`, takes far more than TIMES as long.

    By the square it would take 256 times as long, so 64 tells one from the other even where the machine runs at a
    quarter of its speed meanwhile. Both have the least CPU time of three, in turns: a slower second falls on both.
    """
    compute(short)  # What is made once for all.
    turns = [(_cpu_seconds(compute, short), _cpu_seconds(compute, long)) for _ in range(3)]
    of_short, of_long = map(min, zip(*turns, strict=True))
    assert of_long < 4 * TIMES * of_short + _UNNOTICED_S


def repeated(unit: str, characters: int) -> tuple[str, str]:
    """A text of so many characters that repeats `unit`, after one that is TIMES shorter."""
    return unit * (characters // TIMES // len(unit)), unit * (characters // len(unit))


def _cpu_seconds(compute: Callable[[_Given], object], given: _Given) -> float:
    started = time.process_time()
    compute(given)
    return time.process_time() - started
