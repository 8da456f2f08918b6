"""Stages at once, in worker processes that are used again: each imports TensorFlow once."""

import os
import pickle
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import wait
from pathlib import Path

from components.core.errors import GraphError
from components.core.progress import Progress
from pipeline.running.executors import InProcess
from pipeline.running.runner_config import RunnerConfig
from pipeline.running.stage_task import Ended, StageTask
from pipeline.running.worker_process import WorkerProcess

__all__ = ["WorkerPool"]

_SECONDS_BETWEEN_LOOKS = 0.5

_LONGEST_DIRECTORY = 70
"""Bytes: a library may make a socket in the temporary directory, and a socket's path holds 107 of them."""


class WorkerPool:
    """Up to `workers` processes, started when a stage needs one and none is idle.

    A stage that no other process can import, as it is defined in a notebook or in the program itself, runs in this one.
    """

    def __init__(self, settings: RunnerConfig, *, lock: int, temporary: Path) -> None:
        """Starts nothing yet.

        Args:
            settings: workers and their limits.
            lock: descriptor that holds the root. Workers hold it too: even if this process is killed, no other run
                begins before the last of them is gone.
            temporary: directory for the workers' temporary files, which is removed with all that is left in it.
        """
        self._settings = settings
        self._lock = lock
        self._temporary = temporary
        self._workers: list[WorkerProcess] = []
        self._here = InProcess()

    @property
    def capacity(self) -> int:
        return self._settings.workers

    def submit(self, task: StageTask, progress: Progress) -> None:
        message = _pickle(task)
        if message is not None:
            self._idle_worker().begin(task, message, progress)
        elif task.stage in self._settings.timeouts or self._settings.memory_mib is not None:
            raise GraphError(
                f"stage {task.stage} is defined where no worker process can import it, and only in one can its limits "
                "be kept: move it to a module, or leave out `runner.timeouts` and `runner.memory_mib`"
            )
        else:
            self._here.submit(task, progress)

    def wait(self, timeout_s: float | None) -> Sequence[tuple[StageTask, Ended]]:
        if self._here.is_busy:
            return self._here.wait(timeout_s)
        give_up = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            left = _SECONDS_BETWEEN_LOOKS if give_up is None else max(0.0, give_up - time.monotonic())
            ended = list(self._look(min(left, _SECONDS_BETWEEN_LOOKS)))
            if ended or left == 0.0:
                return ended

    def stop(self) -> Sequence[tuple[StageTask, Ended]]:
        give_up = time.monotonic() + self._settings.stop_within_s
        ended: list[tuple[StageTask, Ended]] = []
        try:
            for worker in self._busy():
                worker.interrupt()
            while self._busy() and (left := give_up - time.monotonic()) > 0:
                ended += self.wait(left)
        finally:
            ended += [self._take(worker, worker.kill_stage()) for worker in self._busy()]
        return ended

    def close(self) -> None:
        for worker in self._workers:
            worker.dismiss()
        for worker in self._workers:
            worker.wait_for_exit()
        self._workers.clear()
        shutil.rmtree(self._temporary, ignore_errors=True)

    def _busy(self) -> list[WorkerProcess]:
        return [worker for worker in self._workers if worker.task is not None]

    def _idle_worker(self) -> WorkerProcess:
        """The one that has done most, as it has the most imported; a new one if none is free and fit."""
        for worker in [each for each in self._workers if each.task is None and not each.is_fit()]:
            worker.dismiss()
            worker.wait_for_exit()
            self._workers.remove(worker)
        idle = [worker for worker in self._workers if worker.task is None]
        if not idle:
            idle = [self._new_worker()]
            self._workers += idle
        return max(idle, key=lambda worker: worker.stages_begun)

    def _new_worker(self) -> WorkerProcess:
        if len(os.fsencode(self._temporary)) > _LONGEST_DIRECTORY:
            self._temporary = Path(tempfile.mkdtemp(prefix="emotion-"))
        self._temporary.mkdir(parents=True, exist_ok=True)
        return WorkerProcess(self._settings, lock=self._lock, temporary=self._temporary)

    def _look(self, timeout_s: float) -> Iterator[tuple[StageTask, Ended]]:
        """What workers tell within the time, then which of them are dead or over a limit."""
        by_descriptor = {worker.messages.fileno(): worker for worker in self._busy()}
        for descriptor in wait(list(by_descriptor), timeout_s):
            assert isinstance(descriptor, int)
            worker = by_descriptor[descriptor]
            ended = worker.receive()
            if ended is not None:
                yield self._take(worker, ended)
        for worker in self._busy():
            failed = worker.check()
            if failed is not None:
                yield self._take(worker, failed)

    def _take(self, worker: WorkerProcess, ended: Ended) -> tuple[StageTask, Ended]:
        if not worker.is_alive():
            self._workers.remove(worker)
        return worker.release(), ended


def _pickle(task: StageTask) -> bytes | None:
    """The task as a worker can load it; None if it cannot."""
    if task.component.__module__ == "__main__":
        return None
    try:
        return pickle.dumps(task)
    except (pickle.PicklingError, AttributeError, TypeError):
        return None
