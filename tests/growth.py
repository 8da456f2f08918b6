"""How the time of a computation grows with what it is given."""

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["TIMES", "assert_linear", "repeated"]

_Given = TypeVar("_Given")

TIMES = 16
_TURNS = 10
_NOTICED_S = 0.02
_LONGEST = 1_000_000
"""Characters; what takes no 20 ms for them grows too slowly to harm anybody."""


def assert_linear(compute: Callable[[_Given], object], short: _Given, long: _Given) -> None:
    """Raises AssertionError if `long`, which is TIMES as much as `short`, takes far more than TIMES as long.

    By the square it would take 256 times as long, so 64 tells one from the other even where the machine runs at a
    quarter of its speed meanwhile. Where it is slower still for the long one alone, there is another turn, ten in
    all: by the square every one fails.
    """
    compute(short)  # What is made once for all.
    ratios = []
    for _ in range(_TURNS):
        of_short, of_long = _cpu_seconds(compute, short), _cpu_seconds(compute, long)
        if of_long < 4 * TIMES * of_short:
            return
        ratios.append(round(of_long / of_short))
    raise AssertionError(f"{TIMES} times as much takes {ratios} times as long")


def repeated(compute: Callable[[str], object], unit: str, characters: int) -> tuple[str, str]:
    """A text of so many characters that repeats `unit`, after one that is TIMES shorter.

    It is longer where `compute` takes too little time for it to be measured in the short one.
    """
    compute(unit)  # What is made once for all.
    while characters < _LONGEST and _cpu_seconds(compute, unit * (characters // len(unit))) < _NOTICED_S:
        characters *= 2
    return unit * (characters // TIMES // len(unit)), unit * (characters // len(unit))


def _cpu_seconds(compute: Callable[[_Given], object], given: _Given) -> float:
    started = time.process_time()
    compute(given)
    return time.process_time() - started
