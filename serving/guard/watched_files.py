"""What files say, read again when they change."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

from serving.errors import ServerStartError

__all__ = ["WatchedFiles"]

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
"""Between looks whether they have changed."""
_Value = TypeVar("_Value")
_State: TypeAlias = tuple[tuple[int, int, int] | None, ...]
"""Of each file: inode, size, time of the last change; None if it is gone."""


class WatchedFiles(Generic[_Value]):
    """A value that is read from files. Thread-safe.

    As long as changed files cannot be read, the last value that could is the current one, and `refused` is true.

    Args:
        paths: the files.
        read: makes the value of them; its ServerStartError says what is wrong with them.

    Raises:
        ServerStartError: they cannot be read at first.
    """

    def __init__(self, paths: Sequence[Path], read: Callable[[], _Value]) -> None:
        self._paths = tuple(paths)
        self._read = read
        self._lock = threading.Lock()
        self._state = self._look()
        self._value = read()
        self._looked = time.monotonic()
        self.refused = False

    def current(self) -> _Value:
        """The value, of changed files too; never raises."""
        # Whoever finds the lock taken goes on with the value that is there.
        if time.monotonic() - self._looked >= _LOOK_SECONDS and self._lock.acquire(blocking=False):
            try:
                self._refresh()
            finally:
                self._lock.release()
        return self._value

    def _refresh(self) -> None:
        # The state is taken before the content: what changes in between is seen at the next look.
        state = self._look()
        if state != self._state:
            self._state = state
            try:
                self._value = self._read()
            except ServerStartError as err:
                self.refused = True
                _log.error("a changed file is refused, the former content stays: %s", err)
            else:
                self.refused = False
                _log.info("read again: %s", ", ".join(map(str, self._paths)))
        self._looked = time.monotonic()

    def _look(self) -> _State:
        return tuple(map(_state_of, self._paths))


def _state_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
