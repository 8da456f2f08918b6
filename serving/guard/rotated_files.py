"""Appends records to files of bounded size and number, on disks that may be full."""

import logging
import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

__all__ = ["RotatedFiles"]

_log = logging.getLogger(__name__)

_PAUSE_SECONDS = 5.0
"""After a failure: a disk that is full stays full for a while."""


class RotatedFiles:
    """Files `<stem>-<UTC time>.<suffix>` in one directory, readable by their owner alone. For one thread.

    Names sort by age, also when the clock jumps.

    A new file begins with every start, so that a record that a crash cut off is the last one of its file.

    Args:
        directory: is made if it is missing.
        stem: of the names.
        suffix: of the names.
        max_bytes: after which a new file begins.
        max_files: that are kept, the oldest are deleted.
    """

    def __init__(self, directory: Path, stem: str, suffix: str, *, max_bytes: int, max_files: int) -> None:
        self._directory = directory
        self._stem = stem
        self._suffix = suffix
        self._pattern = f"{stem}-%Y%m%dT%H%M%S.%fZ.{suffix}"
        self._max_bytes = max_bytes
        self._max_files = max_files
        self._descriptor: int | None = None
        self._size = 0
        self._paused_until = 0.0

    def append(self, record: bytes) -> None:
        """Writes a record, all of it or nothing.

        Raises:
            OSError: it cannot be written; nor is it tried during the next seconds.
        """
        if monotonic() < self._paused_until:
            raise OSError("the log cannot be written for now")
        try:
            if self._descriptor is None or (self._size and self._size + len(record) > self._max_bytes):
                self._begin()
            self._write(record)
        except OSError as err:
            _log.error("%s: the request log cannot be written: %s", self._directory, err)
            self._paused_until = monotonic() + _PAUSE_SECONDS
            raise

    def close(self) -> None:
        """Ends the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor, self._size = None, 0

    def _begin(self) -> None:
        self.close()
        self._directory.mkdir(parents=True, exist_ok=True)
        times = self._times()
        # A clock that was set back must not make the newest file the oldest, which is deleted.
        time = max([datetime.now(UTC), *(one + timedelta(microseconds=1) for one in times[-1:])])
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(self._path(time), flags, 0o600)
        for old in [*times, time][: -self._max_files]:
            self._path(old).unlink(missing_ok=True)

    def _path(self, time: datetime) -> Path:
        return self._directory / time.strftime(self._pattern)

    def _times(self) -> list[datetime]:
        """Of the files that are there, ascending; files of others are passed over."""
        found = []
        for path in self._directory.glob(f"{self._stem}-*.{self._suffix}"):
            with suppress(ValueError):
                found.append(datetime.strptime(path.name, self._pattern).replace(tzinfo=UTC))
        return sorted(found)

    def _write(self, record: bytes) -> None:
        assert self._descriptor is not None
        try:
            written = 0
            while written < len(record):
                written += os.write(self._descriptor, record[written:])
        except OSError:
            # Half a record would make the rest of the file unreadable.
            os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(record)
