"""SIGTERM and Ctrl-C, held back until the training is at a place where it can save its state."""

import signal
import threading
from types import FrameType
from typing import Any

__all__ = ["StopRequest"]

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequest:
    """Notices the signals inside its `with` block; the second one acts as it would have without it.

    Signals reach only the main thread: elsewhere nothing is noticed.
    """

    def __init__(self, *, held_back: bool = True) -> None:
        """With `held_back=False` it does nothing: the signals act as ever."""
        self._held_back = held_back
        self._came = ""
        self._before: dict[signal.Signals, Any] = {}

    @property
    def came(self) -> str:
        """Name of the signal that came, "" if none did."""
        return self._came

    def __enter__(self) -> "StopRequest":
        if self._held_back and threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._notice) for number in _SIGNALS}
        return self

    def __exit__(self, *error: object) -> None:
        self._restore()

    def _notice(self, number: int, _frame: FrameType | None) -> None:
        self._came = signal.Signals(number).name
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
