"""The worker process: performs the stages that the runner sends it, one after the other, and dies with the runner."""

import contextlib
import faulthandler
import logging
import os
import pickle
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType

from components.core.errors import StageError
from pipeline.interpreter import look_less_for_garbage
from pipeline.running.stage_task import Failed, StageTask, perform

__all__ = ["main"]

_SECONDS_BETWEEN_UPDATES = 0.05


def main(messages: int, lifeline: int) -> None:
    """Serves until the runner closes its end.

    Args:
        messages: descriptor of a socket: StageTasks come in; `("update", …)`, `("log", …)` and how the stage ended go
            out.
        lifeline: descriptor of a pipe that ends when the runner's process does, however it ends.
    """
    look_less_for_garbage()
    threading.Thread(target=_die_with_the_runner, args=(lifeline,), daemon=True).start()
    # If memory runs out, let the kernel take the stage and leave the runner to say so.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", encoding="utf-8")
    logging.getLogger().setLevel(logging.INFO)
    faulthandler.enable()
    signal.signal(signal.SIGTERM, _interrupt)
    with Connection(messages) as connection, contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            _serve(connection, connection.recv_bytes())


def _serve(connection: Connection, message: bytes) -> None:
    try:
        task: StageTask = pickle.loads(message)
    except Exception as err:
        connection.send(
            Failed(StageError(f"a worker cannot load the stage: {type(err).__name__}: {err}"), 0.0)
        )
        return
    ended = perform(task, _PipeProgress(connection), capture=True)
    if isinstance(ended, Failed):
        # The cause stays here: it need not be picklable, and its traceback is in the stage's log.
        ended.error.__cause__ = ended.error.__context__ = None
        ended.error.__traceback__ = None
    connection.send(ended)


def _die_with_the_runner(lifeline: int) -> None:
    """Kills this process and those that its stage started once the runner is gone."""
    os.read(lifeline, 1)
    os.killpg(0, signal.SIGKILL)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


class _PipeProgress:
    """Sends a stage's progress to the runner, from any thread, and not more often than an eye can follow."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._last = 0.0

    def update(self, message: str, *, completed: float | None = None, total: float | None = None) -> None:
        now = time.monotonic()
        if now - self._last < _SECONDS_BETWEEN_UPDATES and completed != total:
            return
        self._last = now
        self._send(("update", message, completed, total))

    def log(self, message: str) -> None:
        logging.getLogger(__name__).info(message)
        self._send(("log", message))

    def _send(self, message: tuple[object, ...]) -> None:
        with self._lock:
            self._connection.send(message)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
