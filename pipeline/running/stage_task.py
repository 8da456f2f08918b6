"""One execution of one stage: from its inputs to published outputs. Runs alike in this process and in a worker."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from components.core.artifacts import Artifact
from components.core.component import Component, Lineage, Scratch, Summary
from components.core.config import Config
from components.core.errors import UserError
from components.core.progress import Progress
from components.data.beam.beam_config import BeamConfig
from components.data.beam.beam_pipeline import running_on
from pipeline.artifact_storage import ArtifactStorage
from pipeline.running.failures import explain, is_transient
from pipeline.running.resources import Meter
from pipeline.running.stage_log import stage_log

__all__ = ["Done", "Ended", "Failed", "Published", "StageTask", "perform"]

_log = logging.getLogger(__name__)

Published: TypeAlias = Mapping[str, tuple[str, str, str, str | None]]
"""By output name: artifact type, name of the artifact, digest, refusal."""


@dataclass(frozen=True, kw_only=True)
class StageTask:
    """What a stage is called with; everything in it can be pickled.

    Attributes:
        execution_id: the execution as the metadata store knows it.
        component: the stage.
        config: its settings.
        inputs: name and digest of the artifact by input name; optional ones may be absent.
        storage: where outputs are published.
        scratch: directory of the stage's unfinished work; None if it keeps none.
        log: file to which the stage's log is appended.
        beam: where its Beam pipelines run.
        lineage: what it may write into what leaves the pipeline.
    """

    execution_id: int
    component: Component
    config: Config
    inputs: Mapping[str, tuple[str, str]]
    storage: ArtifactStorage
    scratch: Path | None
    log: Path
    beam: BeamConfig
    lineage: Lineage

    @property
    def stage(self) -> str:
        return self.component.spec.name


@dataclass(frozen=True)
class Done:
    """The stage ended well and its outputs are published; nobody has written that down yet."""

    published: Published
    summary: Summary
    seconds: float
    resources: Mapping[str, float]


@dataclass(frozen=True)
class Failed:
    """The stage failed or was stopped; what it may have published is to be taken back.

    Attributes:
        error: names the stage; a KeyboardInterrupt or a StoppedError if it was stopped.
        transient: whether it may work if it is tried again.
        mistake: whether data or settings are wrong, so that trying again is of no use.
        seconds: wall time.
        resources: what it took, as far as it is known.
    """

    error: BaseException
    seconds: float
    transient: bool = False
    mistake: bool = False
    resources: Mapping[str, float] = field(default_factory=dict)


Ended: TypeAlias = Done | Failed


def perform(task: StageTask, progress: Progress, *, capture: bool = False) -> Ended:
    """Calls the stage, publishes what it wrote, and never raises.

    Args:
        task: what to do.
        progress: receives the stage's progress.
        capture: whether the process's stdout and stderr go to the stage's log while it runs.
    """
    started, meter = time.monotonic(), Meter()
    ended: Ended
    try:
        with stage_log(task.log, capture=capture):
            ended = _perform_logged(task, progress)
    except BaseException as err:
        ended = _failed(task, err)
    return replace(ended, seconds=time.monotonic() - started, resources=meter.read())


def _perform_logged(task: StageTask, progress: Progress) -> Ended:
    _log.info("%s begins, execution %d", task.stage, task.execution_id)
    try:
        staged = task.storage.stage_outputs(task.execution_id, task.component.spec.outputs)
        with running_on(task.beam):
            summary = task.component(**_arguments(task, staged, progress))
        return Done(_publish(task, staged), dict(summary), 0.0, {})
    except BaseException as err:
        failed = _failed(task, err)
        _log.error("%s failed", task.stage, exc_info=None if failed.mistake else err)
        return failed


def _failed(task: StageTask, error: BaseException) -> Failed:
    if isinstance(error, KeyboardInterrupt):
        return Failed(error, 0.0)
    explained = explain(task.stage, error, task.log)
    explained.__cause__ = error
    return Failed(explained, 0.0, is_transient(error), isinstance(explained, UserError))


def _arguments(task: StageTask, staged: Mapping[str, Artifact], progress: Progress) -> dict[str, object]:
    spec = task.component.spec
    arguments: dict[str, object] = {"config": task.config, **dict.fromkeys(spec.optional), **staged}
    for name, (artifact, digest) in task.inputs.items():
        arguments[name] = spec.inputs[name](task.storage.localize(artifact, digest))
    if spec.reports_progress:
        arguments["progress"] = progress
    if task.scratch is not None:
        arguments["scratch"] = Scratch(task.scratch)
    if spec.tells_lineage:
        arguments["lineage"] = task.lineage
    return arguments


def _publish(task: StageTask, staged: Mapping[str, Artifact]) -> Published:
    published = {}
    for output, artifact in staged.items():
        refusal = artifact.refusal()
        name, digest = task.storage.publish(task.stage, output, task.execution_id, artifact)
        published[output] = (type(artifact).__name__, name, digest, refusal)
    return published
