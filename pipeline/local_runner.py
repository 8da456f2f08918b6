"""Runs the graph on this machine: in order, cached, each output whole or not at all."""

import contextlib
import errno
import logging
import os
import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import sqlalchemy as sa

from components.core.artifacts import Artifact
from components.core.component import Lineage, Scratch, Summary
from components.core.errors import (
    EmotionPipelineError,
    StageError,
    StoppedError,
    StorageError,
    UserError,
)
from components.core.progress import NO_PROGRESS, Progress
from pipeline.artifact_storage import ArtifactStorage
from pipeline.cache import explain_miss, fingerprint, fingerprint_parts
from pipeline.graph import BlessedBefore, Graph, LatestBlessed, Node, OutputRef
from pipeline.metadata_store import ArtifactRecord, ExecutionRecord, MetadataStore, State

__all__ = ["SILENT", "LocalRunner", "RunObserver", "RunResult", "StageResult"]

_log = logging.getLogger(__name__)

_STOPPED = (KeyboardInterrupt, StoppedError)


@dataclass(frozen=True)
class StageResult:
    """What became of one stage.

    Attributes:
        name: the stage.
        state: COMPLETE, CACHED or REFUSED.
        summary: what the stage told.
        outputs: local artifacts by output name; empty if refused.
        seconds: wall time of the execution (of the original one if cached).
        peak_memory_mib: peak resident memory of the process when the stage ended, MiB; None if it did not run.
        message: why it was refused, or why it was not cached.
        digests: SHA-256 of each output's content by output name.
        reads: what each input is, `stage.output` by input name, and the gates under their own names.
        ran_in: the run that did the work: this one, or an earlier one if cached; None if refused.
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
    """Is told what happens; shows it."""

    def run_started(self, run_id: int, stages: tuple[str, ...]) -> None:
        """A run with these stages begins."""

    def stage_started(self, stage: str, why: str) -> Progress:
        """A stage begins; `why` says why it was not taken from the cache. Returns where its progress goes."""

    def stage_finished(self, result: StageResult) -> None:
        """A stage is complete, cached or refused."""

    def stage_failed(self, stage: str, error: BaseException) -> None:
        """A stage failed or was interrupted; the run ends."""


class _Silent:
    def run_started(self, run_id: int, stages: tuple[str, ...]) -> None: ...

    def stage_started(self, stage: str, why: str) -> Progress:  # noqa: ARG002 - the protocol's signature
        return NO_PROGRESS

    def stage_finished(self, result: StageResult) -> None: ...

    def stage_failed(self, stage: str, error: BaseException) -> None: ...


SILENT: RunObserver = _Silent()


class LocalRunner:
    """Runs stages one after the other in this process (TensorFlow is then imported once, not once a stage)."""

    def __init__(self, storage: ArtifactStorage, store: MetadataStore, *, use_cache: bool = True) -> None:
        self._storage = storage
        self._store = store
        self._use_cache = use_cache

    def run(self, graph: Graph, *, pipeline: str, config: str, observer: RunObserver = SILENT) -> RunResult:
        """Runs every stage that is neither cached nor refused.

        Args:
            graph: the stages.
            pipeline: name that is recorded with the run.
            config: the whole configuration as JSON, recorded with the run.
            observer: is told what happens.

        Raises:
            UserError: an input or a setting is wrong.
            StoppedError: the process was told to stop; the same run again goes on from what was saved.
            StageError: a stage failed; what earlier stages made stays and is reused by the next run.
        """
        for node in graph:
            # Raises for a missing source or encoder now rather than after the stages before it.
            node.config.external_inputs()
        with self._storage.lock():
            run_id = self._store.start_run(pipeline, config)
            observer.run_started(run_id, tuple(node.name for node in graph))
            run = _Run(run_id, pipeline, observer)
            state = State.FAILED
            try:
                for node in graph:
                    run.results[node.name] = result = self._run_stage(run, node)
                    observer.stage_finished(result)
                refused = any(result.state is State.REFUSED for result in run.results.values())
                state = State.REFUSED if refused else State.COMPLETE
            except _STOPPED:
                state = State.CANCELED
                raise
            finally:
                with contextlib.suppress(sa.exc.OperationalError):
                    self._store.finish_run(run_id, state)
            return RunResult(run_id, state, run.results)

    def _run_stage(self, run: "_Run", node: Node) -> StageResult:
        reason = run.refusal(node)
        if reason is not None:
            self._store.record_refused(run.run_id, node.name, reason)
            return StageResult(node.name, State.REFUSED, message=reason, reads=_reads(node))
        inputs = self._resolve_inputs(run, node)
        parts = fingerprint_parts(node.component, node.config, inputs)
        key = fingerprint(parts)
        cached = self._find_cached(node, key)
        if cached is not None:
            return self._reuse(run, node, cached, inputs)
        return self._execute(run, node, inputs, key, parts)

    def _resolve_inputs(self, run: "_Run", node: Node) -> dict[str, ArtifactRecord]:
        records = {}
        for name, source in node.inputs.items():
            if isinstance(source, OutputRef):
                records[name] = run.outputs[source]
            else:
                baseline = self._resolve_baseline(run, source)
                if baseline is not None:
                    records[name] = baseline
        return records

    def _resolve_baseline(self, run: "_Run", source: LatestBlessed) -> ArtifactRecord | None:
        candidate = run.outputs[source.candidate].digest
        return self._store.latest_blessed(
            artifact_type=source.type.__name__,
            blessing_type=source.blessing.__name__,
            other_than=candidate,
            not_from=candidate if isinstance(source, BlessedBefore) else "",
        )

    def _find_cached(self, node: Node, key: str) -> ExecutionRecord | None:
        if not self._use_cache:
            return None
        for execution in self._store.find_complete(node.name, key):
            records = self._store.outputs(execution.id)
            if all(self._is_intact(node, name, record) for name, record in records.items()):
                return execution
        return None

    def _is_intact(self, node: Node, name: str, record: ArtifactRecord) -> bool:
        try:
            path = self._storage.localize(record.uri, record.digest)
        except StorageError:
            return False
        return node.component.spec.outputs[name](path).is_intact()

    def _reuse(
        self, run: "_Run", node: Node, cached: ExecutionRecord, inputs: Mapping[str, ArtifactRecord]
    ) -> StageResult:
        self._store.record_cached(run.run_id, cached, inputs)
        records = self._store.outputs(cached.id)
        return StageResult(
            node.name,
            State.CACHED,
            cached.summary,
            self._take_outputs(run, node, records),
            cached.seconds or 0.0,
            digests=_digests(records),
            reads=_reads(node),
            ran_in=cached.run_id,
        )

    def _execute(
        self,
        run: "_Run",
        node: Node,
        inputs: Mapping[str, ArtifactRecord],
        key: str,
        parts: Mapping[str, str],
    ) -> StageResult:
        before = self._store.last_complete(node.name)
        why = explain_miss(before.fingerprint_parts, parts) if before is not None else ""
        progress = run.observer.stage_started(node.name, why)
        execution_id = self._store.start_execution(run.run_id, node.name, key, parts, inputs)
        started = time.monotonic()
        try:
            staged = self._storage.stage_outputs(execution_id, node.component.spec.outputs)
            lineage = Lineage(run.pipeline, run.run_id, _digests(inputs))
            summary = self._call(node, inputs, staged, progress, self._scratch(node, key), lineage)
            published = self._publish(node, execution_id, staged)
        except BaseException as err:
            state = State.CANCELED if isinstance(err, _STOPPED) else State.FAILED
            self._storage.discard_staged(execution_id)
            # On a full disk even this may fail; the next run marks the execution as interrupted.
            with contextlib.suppress(sa.exc.OperationalError):
                self._store.record_unfinished(execution_id, state, str(err), time.monotonic() - started)
            run.observer.stage_failed(node.name, err)
            if isinstance(err, Exception):
                raise _stage_error(node.name, err) from err
            raise
        self._storage.discard_staged(execution_id)
        seconds, memory = time.monotonic() - started, _peak_memory_mib()
        records = self._store.complete_execution(
            execution_id, outputs=published, summary=summary, seconds=seconds, peak_memory_mib=memory
        )
        self._storage.discard_scratch(node.name)
        return StageResult(
            node.name,
            State.COMPLETE,
            summary,
            self._take_outputs(run, node, records),
            seconds,
            memory,
            why,
            _digests(records),
            _reads(node),
            run.run_id,
        )

    def _scratch(self, node: Node, key: str) -> Scratch | None:
        """Where the stage finds what its last execution left; nothing if every stage is to run from its start."""
        if not node.component.spec.keeps_scratch:
            return None
        if not self._use_cache:
            self._storage.discard_scratch(node.name)
        return Scratch(self._storage.scratch_dir(node.name, key))

    def _call(
        self,
        node: Node,
        inputs: Mapping[str, ArtifactRecord],
        staged: Mapping[str, Artifact],
        progress: Progress,
        scratch: Scratch | None,
        lineage: Lineage,
    ) -> Summary:
        spec = node.component.spec
        arguments: dict[str, object] = {"config": node.config, **dict.fromkeys(spec.optional), **staged}
        for name, record in inputs.items():
            arguments[name] = spec.inputs[name](self._storage.localize(record.uri, record.digest))
        if spec.reports_progress:
            arguments["progress"] = progress
        if scratch is not None:
            arguments["scratch"] = scratch
        if spec.tells_lineage:
            arguments["lineage"] = lineage
        return node.component(**arguments)

    def _publish(
        self, node: Node, execution_id: int, staged: Mapping[str, Artifact]
    ) -> dict[str, tuple[str, str, str, str | None]]:
        published = {}
        for name, artifact in staged.items():
            refusal = artifact.refusal()
            uri, digest = self._storage.publish(node.name, name, execution_id, artifact)
            published[name] = (type(artifact).__name__, uri, digest, refusal)
        return published

    def _take_outputs(
        self, run: "_Run", node: Node, records: Mapping[str, ArtifactRecord]
    ) -> dict[str, Artifact]:
        taken = {}
        for name, kind in node.component.spec.outputs.items():
            run.outputs[node[name]] = records[name]
            taken[name] = kind(self._storage.localize(records[name].uri, records[name].digest))
        return taken


@dataclass
class _Run:
    """What is known so far in one run."""

    run_id: int
    pipeline: str
    observer: RunObserver
    results: dict[str, StageResult] = field(default_factory=dict)
    outputs: dict[OutputRef, ArtifactRecord] = field(default_factory=dict)

    def refusal(self, node: Node) -> str | None:
        """Why the stage must not run: a gate refuses it, or a stage before it was refused."""
        for name in node.predecessors():
            if self.results[name].state is State.REFUSED:
                return self.results[name].message
        for gate in node.gates:
            reason = self.outputs[gate].refusal
            if reason is not None:
                return reason
        return None


def _digests(records: Mapping[str, ArtifactRecord]) -> dict[str, str]:
    return {name: record.digest for name, record in records.items()}


def _reads(node: Node) -> dict[str, str]:
    gates = {str(gate): str(gate) for gate in node.gates if gate not in node.inputs.values()}
    return {**{name: str(source) for name, source in node.inputs.items()}, **gates}


def _stage_error(stage: str, err: Exception) -> EmotionPipelineError:
    """Errors of the project pass with the stage's name; the rest says what happened in one line."""
    if isinstance(err, (UserError, StoppedError)):
        return type(err)(f"{stage}: {err}")
    if _says_disk_full(err):
        return StorageError(
            f"{stage}: the disk is full; free some space and run again: finished stages are kept"
        )
    if isinstance(err, PermissionError):
        return UserError(
            f"{stage}: no permission for {err.filename}; change its owner or choose another directory"
        )
    _log.error("stage %s failed", stage, exc_info=err)
    return StageError(f"{stage}: {type(err).__name__}: {err}")


def _says_disk_full(err: BaseException | None) -> bool:
    """Whether the disk was full, said by the error or by what it came from; Beam and TensorFlow only quote it."""
    while err is not None:
        if isinstance(err, OSError) and err.errno == errno.ENOSPC:
            return True
        if os.strerror(errno.ENOSPC) in str(err) or "disk is full" in str(err):
            return True
        err = err.__cause__ or err.__context__
    return False


def _peak_memory_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
