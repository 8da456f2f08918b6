"""What became of a run and of its stages, and who is told while it goes on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from components.core.artifacts import Artifact
from components.core.component import Summary
from components.core.progress import NO_PROGRESS, Progress
from pipeline.metadata.records import State

__all__ = ["SILENT", "RunObserver", "RunResult", "StageResult"]


@dataclass(frozen=True)
class StageResult:
    """What became of one stage.

    Attributes:
        name: the stage.
        state: COMPLETE, CACHED or REFUSED.
        summary: what the stage told.
        outputs: local artifacts by output name; empty if refused.
        seconds: wall time of the execution (of the original one if cached).
        peak_memory_mib: peak resident memory of its process during the stage, MiB; None if it is not known.
        message: why it was refused, or why it was not cached.
        digests: SHA-256 of each output's content by output name.
        reads: what each input is, `stage.output` by input name, and the gates under their own names.
        ran_in: the run that did the work: this one, or an earlier one if cached; None if refused.
        resources: what the work took (of the original execution if cached): `cpu_s`, `peak_memory_mib`,
            `gpus` and `peak_device_memory_mib` where there are any, `attempt` if it was not the first.
        log: what the stage and its libraries wrote; None if refused, or if nobody kept it.
    """

    name: str
    state: State
    summary: Summary = field(default_factory=dict)
    outputs: Mapping[str, Artifact] = field(default_factory=dict)
    seconds: float = 0.0
    peak_memory_mib: float | None = None
    message: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)
    reads: Mapping[str, str] = field(default_factory=dict)
    ran_in: int | None = None
    resources: Mapping[str, float] = field(default_factory=dict)
    log: Path | None = None


@dataclass(frozen=True)
class RunResult:
    """What became of a run: COMPLETE, or REFUSED if a gate kept a stage from running."""

    run_id: int
    state: State
    stages: Mapping[str, StageResult]

    @property
    def refusals(self) -> tuple[str, ...]:
        """The distinct reasons for which stages were not run."""
        reasons = (stage.message for stage in self.stages.values() if stage.state is State.REFUSED)
        return tuple(dict.fromkeys(reasons))


class RunObserver(Protocol):
    """Is told what happens; shows it. Several stages can be at work at once."""

    def run_waits(self, why: str) -> None:
        """The run cannot begin yet."""

    def run_started(self, run_id: int, stages: tuple[str, ...]) -> None:
        """A run with these stages begins."""

    def stage_started(self, stage: str, why: str, usual_s: float | None) -> Progress:
        """A stage begins.

        Args:
            stage: its name.
            why: why it was not taken from the cache.
            usual_s: seconds that it took the last time; None if there was none.

        Returns:
            where its progress goes.
        """

    def stage_finished(self, result: StageResult) -> None:
        """A stage is complete, cached or refused."""

    def stage_retried(self, stage: str, error: BaseException, delay_s: float) -> None:
        """A stage failed and begins anew in so many seconds."""

    def stage_failed(self, stage: str, error: BaseException) -> None:
        """A stage failed or was interrupted; the run ends when the others that are at work have."""

    def run_stops(self, stages: tuple[str, ...]) -> None:
        """The run was told to stop and waits for these stages to save their state."""


class _Silent:
    def run_waits(self, why: str) -> None: ...

    def run_started(self, run_id: int, stages: tuple[str, ...]) -> None: ...

    def stage_started(self, stage: str, why: str, usual_s: float | None) -> Progress:  # noqa: ARG002
        return NO_PROGRESS

    def stage_finished(self, result: StageResult) -> None: ...

    def stage_retried(self, stage: str, error: BaseException, delay_s: float) -> None: ...

    def stage_failed(self, stage: str, error: BaseException) -> None: ...

    def run_stops(self, stages: tuple[str, ...]) -> None: ...


SILENT: RunObserver = _Silent()
