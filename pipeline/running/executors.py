"""Where stages run: the interface that the runner sees, and the one that runs them in this process."""

from collections.abc import Sequence
from typing import Protocol

from components.core.progress import Progress
from pipeline.running.stage_task import Ended, StageTask, perform

__all__ = ["Executor", "InProcess"]


class Executor(Protocol):
    """Runs stages; used by one thread."""

    @property
    def capacity(self) -> int:
        """How many stages can be at work at once."""

    def submit(self, task: StageTask, progress: Progress) -> None:
        """Begins a stage; there is room for it."""

    def wait(self, timeout_s: float | None) -> Sequence[tuple[StageTask, Ended]]:
        """Passes progress on until a stage has ended or the time is over, and returns what ended."""

    def stop(self) -> Sequence[tuple[StageTask, Ended]]:
        """Tells the stages at work to save what they can, and returns how they ended."""

    def close(self) -> None:
        """Ends whatever is still there."""


class InProcess:
    """One stage at a time, in this process and thread."""

    capacity = 1

    def __init__(self) -> None:
        self._waiting: list[tuple[StageTask, Progress]] = []

    @property
    def is_busy(self) -> bool:
        """Whether a stage was submitted and has not been run."""
        return bool(self._waiting)

    def submit(self, task: StageTask, progress: Progress) -> None:
        self._waiting.append((task, progress))

    def wait(self, timeout_s: float | None) -> Sequence[tuple[StageTask, Ended]]:  # noqa: ARG002
        task, progress = self._waiting.pop()
        return [(task, perform(task, progress))]

    def stop(self) -> Sequence[tuple[StageTask, Ended]]:
        return []

    def close(self) -> None: ...
