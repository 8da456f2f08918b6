"""Whether a directory still holds what its digest says, without reading it each time."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from components.core.filesystem import content_digest

__all__ = ["VerifiedDirectories"]


class VerifiedDirectories:
    """Remembers how the files of directories looked when their content was known to be right.

    As `git status` does: a directory whose files all have the size, the times and the inode that they had then is taken
    for unchanged; any other one is read and its digest compared. The change time is among them, which no program can
    set: an edit that keeps size and modification time is noticed, too. What only reading finds, such as a disk that
    returns other bytes, `emotion inspect artifact` and `emotion run --no-cache` are for.
    """

    def __init__(self, directory: Path) -> None:
        """Does nothing yet.

        Args:
            directory: where it keeps its notes; may be deleted at any time.
        """
        self._directory = directory

    def remember(self, path: Path) -> None:
        """Takes what is in the directory `path` now for right."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._note(path).write_text(_look(path), encoding="ascii")

    def forget(self, path: Path) -> None:
        self._note(path).unlink(missing_ok=True)

    def holds(self, path: Path, digest: str) -> bool:
        """Whether the directory `path` has the content with that digest."""
        if not path.is_dir():
            return False
        note = self._note(path)
        if note.is_file() and note.read_text(encoding="ascii") == _look(path):
            return True
        if content_digest(str(path)) != digest:
            return False
        with contextlib.suppress(OSError):  # who may only read looks at all of it again
            self.remember(path)
        return True

    def _note(self, path: Path) -> Path:
        return self._directory / hashlib.sha256(str(path).encode()).hexdigest()[:32]


def _look(path: Path) -> str:
    """SHA-256 (hex) of names, sizes, times and inodes of the files below."""
    lines = sorted(
        f"{os.path.relpath(entry.path, path)}\0{at.st_size} {at.st_mtime_ns} {at.st_ctime_ns} {at.st_ino}\n"
        for entry in _files(path)
        for at in [entry.stat()]
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _files(path: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _files(Path(entry.path))
            else:
                yield entry
