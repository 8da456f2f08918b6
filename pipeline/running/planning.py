"""What is to be done about a stage: nothing, as it is refused; nothing, as it was done before; or execute it."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from components.core.artifacts import Artifact
from pipeline.artifact_storage import ArtifactStorage
from pipeline.cache import explain_miss, fingerprint, fingerprint_parts
from pipeline.cache.lookup import find_baseline, find_cached
from pipeline.graph import Graph, Node, OutputRef
from pipeline.metadata.records import ArtifactRecord, ExecutionRecord, State
from pipeline.metadata.store import MetadataStore
from pipeline.running.results import StageResult

__all__ = ["Plan", "Planner", "RunState", "digests", "reads"]


@dataclass
class RunState:
    """What is known so far in one run."""

    run_id: int
    pipeline: str
    waiting: dict[str, Node]
    results: dict[str, StageResult] = field(default_factory=dict)
    outputs: dict[OutputRef, ArtifactRecord] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    not_before: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, run_id: int, pipeline: str, graph: Graph) -> "RunState":
        return cls(run_id, pipeline, dict(graph.nodes))

    def ready(self) -> list[Node]:
        """Stages that can begin now, in the graph's order."""
        now = time.monotonic()
        return [
            node
            for name, node in self.waiting.items()
            if node.predecessors() <= self.results.keys() and self.not_before.get(name, 0.0) <= now
        ]

    def seconds_to_next_attempt(self) -> float | None:
        """Until a stage that failed may begin anew; None if there is none."""
        times = [time_s for name, time_s in self.not_before.items() if name in self.waiting]
        return max(0.0, min(times) - time.monotonic()) if times else None

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


@dataclass(frozen=True)
class Plan:
    """A stage that must be executed.

    Attributes:
        node: the stage.
        inputs: what it reads.
        key: its cache key.
        parts: what the key is made of.
        why: why it was not taken from the cache.
        usual_s: seconds that its last complete execution took; None if there was none.
    """

    node: Node
    inputs: Mapping[str, ArtifactRecord]
    key: str
    parts: Mapping[str, str]
    why: str
    usual_s: float | None


class Planner:
    """Knows the cache; settles what need not run."""

    def __init__(
        self, storage: ArtifactStorage, store: MetadataStore, *, use_cache: bool, rerun: Collection[str]
    ) -> None:
        self._storage = storage
        self._store = store
        self._use_cache = use_cache
        self._rerun = frozenset(rerun)

    def plan(self, run: RunState, node: Node) -> StageResult | Plan:
        """The stage's result, if it is refused or cached, recorded; else how to execute it."""
        reason = run.refusal(node)
        if reason is not None:
            self._store.record_refused(run.run_id, node.name, reason)
            return StageResult(node.name, State.REFUSED, message=reason, reads=reads(node))
        inputs = self._resolve_inputs(run, node)
        parts = fingerprint_parts(node.component, node.config, inputs)
        key = fingerprint(parts)
        cached = find_cached(node, key, self._storage, self._store) if self.may_reuse(node) else None
        if cached is not None:
            return self._reuse(run, node, cached, inputs)
        last = self._store.last_used(node.name)
        why = explain_miss(last.fingerprint_parts, parts) if last is not None else ""
        before = self._store.last_complete(node.name)
        return Plan(node, inputs, key, parts, why, before.seconds if before is not None else None)

    def take_outputs(
        self, run: RunState, node: Node, records: Mapping[str, ArtifactRecord]
    ) -> dict[str, Artifact]:
        """Makes what the stage has written known to the stages after it; returns it as local artifacts."""
        taken = {}
        for name, kind in node.component.spec.outputs.items():
            run.outputs[node[name]] = records[name]
            taken[name] = kind(self._storage.localize(records[name].name, records[name].digest))
        return taken

    def may_reuse(self, node: Node) -> bool:
        """Whether what an earlier run did may stand for the stage."""
        return self._use_cache and node.name not in self._rerun

    def _resolve_inputs(self, run: RunState, node: Node) -> dict[str, ArtifactRecord]:
        records = {}
        for name, source in node.inputs.items():
            if isinstance(source, OutputRef):
                records[name] = run.outputs[source]
            else:
                baseline = find_baseline(source, run.outputs[source.candidate], self._storage, self._store)
                if baseline is not None:
                    records[name] = baseline
        return records

    def _reuse(
        self, run: RunState, node: Node, cached: ExecutionRecord, inputs: Mapping[str, ArtifactRecord]
    ) -> StageResult:
        self._store.record_cached(run.run_id, cached, inputs)
        records = self._store.outputs(cached.id)
        log = self._storage.log_path(cached.run_id, node.name)
        return StageResult(
            node.name,
            State.CACHED,
            cached.summary,
            self.take_outputs(run, node, records),
            cached.seconds or 0.0,
            cached.peak_memory_mib,
            digests=digests(records),
            reads=reads(node),
            ran_in=cached.run_id,
            resources=cached.resources,
            log=log if log.is_file() else None,
        )


def digests(records: Mapping[str, ArtifactRecord]) -> dict[str, str]:
    """SHA-256 by output name."""
    return {name: record.digest for name, record in records.items()}


def reads(node: Node) -> dict[str, str]:
    """What each input is, and the gates that are no input."""
    gates = {str(gate): str(gate) for gate in node.gates if gate not in node.inputs.values()}
    return {**{name: str(source) for name, source in node.inputs.items()}, **gates}
