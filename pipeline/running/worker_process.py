"""One worker process as the runner sees it: what it is sent, what it tells, and how it ends."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path

from components.core.errors import StageError
from components.core.progress import NO_PROGRESS, Progress
from pipeline.running.resources import memory_mib
from pipeline.running.runner_config import RunnerConfig
from pipeline.running.stage_task import Done, Ended, Failed, StageTask

__all__ = ["WorkerProcess"]

_SECONDS_TO_EXIT = 10.0

_PROGRAM = "import sys; sys.path[:] = {path!r}; from pipeline.running.worker import main; main({messages}, {lifeline})"


class WorkerProcess:
    """A process of `pipeline.running.worker`, in a group of its own: Ctrl-C in the terminal reaches only the runner.

    Attributes:
        messages: the runner's end of the connection.
        task: the stage at work; None if it is idle.
        stages_begun: how many it was given so far.
    """

    def __init__(self, settings: RunnerConfig, *, lock: int, temporary: Path) -> None:
        """Starts the process.

        Args:
            settings: its limits.
            lock: descriptor that it holds while it lives.
            temporary: directory of its temporary files.
        """
        self._settings = settings
        ours, theirs = socket.socketpair()
        lifeline, self._lifeline = os.pipe()
        program = _PROGRAM.format(path=sys.path, messages=theirs.fileno(), lifeline=lifeline)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", program],
                stdin=subprocess.DEVNULL,
                env={**os.environ, "TMPDIR": str(temporary)},
                pass_fds=(theirs.fileno(), lifeline, lock),
                process_group=0,
            )
        finally:
            theirs.close()
            os.close(lifeline)
        self.messages = Connection(ours.detach())
        self.task: StageTask | None = None
        self.stages_begun = 0
        self._progress: Progress = NO_PROGRESS
        self._began = 0.0
        self._peak_mib = 0.0
        self._kills_before = 0

    def begin(self, task: StageTask, message: bytes, progress: Progress) -> None:
        """Sends the stage; `message` is the task pickled."""
        self.task, self._progress, self._began = task, progress, time.monotonic()
        self._peak_mib, self._kills_before = 0.0, _out_of_memory_kills()
        self.stages_begun += 1
        # A worker that is dead already is noticed where one that dies later is.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.messages.send_bytes(message)

    def receive(self) -> Ended | None:
        """Takes one message, which is there; returns how the stage ended, if that is what it tells."""
        try:
            message = self.messages.recv()
        except (EOFError, OSError):
            return self._died()
        if isinstance(message, (Done, Failed)):
            return message
        kind, text, *amounts = message
        if kind == "update":
            self._progress.update(text, completed=amounts[0], total=amounts[1])
        else:
            self._progress.log(text)
        return None

    def check(self) -> Failed | None:
        """Why the stage cannot go on, if it cannot: the process is dead, or a limit is passed and so it is killed."""
        assert self.task is not None
        if not self.is_alive():
            # What it told last comes first; a child of it may keep the connection open.
            return None if self.messages.poll() else self._died()
        used = memory_mib(self._process.pid) or 0.0
        self._peak_mib = max(self._peak_mib, used)
        why = self._passed_limit(self.task.stage, used)
        return None if why is None else self.kill_stage(StageError(self._sentence(why)))

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def is_fit(self) -> bool:
        """Whether another stage may begin in it: it is alive and does not hold half of what it may already."""
        limit_mib = self._settings.memory_mib
        if not self.is_alive():
            return False
        return limit_mib is None or (memory_mib(self._process.pid) or 0.0) <= limit_mib / 2

    def interrupt(self) -> None:
        """Tells the stage to save what it can and to end."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Ends the process and those that its stage started, at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._close()

    def kill_stage(self, error: BaseException | None = None) -> Failed:
        """Kills it; the stage was stopped if there is no error."""
        self.kill()
        return Failed(error or KeyboardInterrupt(), self._seconds, resources=self._resources())

    def release(self) -> StageTask:
        """Is idle from now on; returns what it was at."""
        task = self.task
        assert task is not None
        self.task, self._progress = None, NO_PROGRESS
        return task

    def dismiss(self) -> None:
        """Lets it end by itself once its stage is over."""
        self.messages.close()

    def wait_for_exit(self) -> None:
        """Waits until it has ended, and kills it if that takes too long."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_SECONDS_TO_EXIT)
        self.kill()

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._began

    def _resources(self) -> Mapping[str, float]:
        return {"peak_memory_mib": self._peak_mib} if self._peak_mib else {}

    def _passed_limit(self, stage: str, used_mib: float) -> str | None:
        timeout_s, limit_mib = self._settings.timeouts.get(stage), self._settings.memory_mib
        if timeout_s is not None and self._seconds > timeout_s:
            return f"took longer than {timeout_s:g} s and was stopped; raise `runner.timeouts.{stage}`"
        if limit_mib is not None and used_mib > limit_mib:
            return (
                f"held {used_mib:,.0f} MiB and was stopped, as `runner.memory_mib` is {limit_mib:,}; "
                "raise that, or make batches smaller"
            )
        return None

    def _died(self) -> Failed:
        self.kill()
        return Failed(
            StageError(self._sentence(self._cause_of_death())), self._seconds, resources=self._resources()
        )

    def _cause_of_death(self) -> str:
        code = self._process.wait()
        if code >= 0:
            return f"its process ended with exit code {code} before the stage did"
        if code != -signal.SIGKILL:
            return f"its process crashed ({signal.Signals(-code).name})"
        who = "the kernel for lack of memory"
        if _out_of_memory_kills() == self._kills_before:
            who = "SIGKILL: by someone, or for lack of memory"
        held = f"; it held {self._peak_mib:,.0f} MiB" if self._peak_mib else ""
        return f"its process was killed by {who}{held}. Make batches smaller, or give it more memory"

    def _sentence(self, why: str) -> str:
        assert self.task is not None
        return f"{self.task.stage}: {why} (details in {self.task.log})"

    def _close(self) -> None:
        self.messages.close()
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1


def _out_of_memory_kills() -> int:
    """How often the kernel has killed a process for lack of memory since the machine started; 0 if it does not say."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/vmstat").read_text(encoding="utf-8").splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return 0
