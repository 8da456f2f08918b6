"""Keeps the chatter of native libraries off the terminal."""

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet_stderr"]

_STDERR_FD = 2
_LOCK = threading.RLock()


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Swallows what is written to file descriptor 2 meanwhile; if the block raises, it is written after all.

    The converter and XNNPACK log through C++, where `sys.stderr` and Python's logging levels do not reach. The lock
    keeps a second thread from taking the swallowing descriptor for the real one.
    """
    with _LOCK, tempfile.TemporaryFile() as sink:
        sys.stderr.flush()
        real = os.dup(_STDERR_FD)
        os.dup2(sink.fileno(), _STDERR_FD)
        try:
            yield
        except BaseException:
            os.dup2(real, _STDERR_FD)
            sink.seek(0)
            os.write(_STDERR_FD, sink.read())
            raise
        finally:
            os.dup2(real, _STDERR_FD)
            os.close(real)
