"""The log of one stage: what it, its libraries and their C++ parts write while it runs."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pipeline.native_stderr import stderr_to

__all__ = ["stage_log"]

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@contextmanager
def stage_log(path: Path, *, capture: bool) -> Iterator[None]:
    """Appends log records to the file; with `capture` also all that the process writes to stdout and stderr."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        handler = logging.FileHandler(path, encoding="utf-8")
        stack.callback(handler.close)
        handler.setFormatter(logging.Formatter(_FORMAT))
        logging.getLogger().addHandler(handler)
        stack.callback(logging.getLogger().removeHandler, handler)
        if capture:
            stack.enter_context(stderr_to(path))
            stack.enter_context(_stdout_to_stderr())
        yield


@contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
