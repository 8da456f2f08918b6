"""Where native libraries' stderr goes: TensorFlow writes there from C++, past Python and past its own log level."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["stderr_to"]


@contextmanager
def stderr_to(path: Path | str) -> Iterator[None]:
    """Appends what the process writes to stderr, from C++ as well, to a file; `os.devnull` drops it."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            os.dup2(file.fileno(), 2)
        yield
    finally:
        try:
            sys.stderr.flush()
        except OSError:
            _drop_unwritten()
        os.dup2(kept, 2)
        os.close(kept)


def _drop_unwritten() -> None:
    """Empties a buffer that a full disk would not take, so that the error message after it gets through."""
    with Path(os.devnull).open("w", encoding="utf-8") as null:
        os.dup2(null.fileno(), 2)
    sys.stderr.flush()
