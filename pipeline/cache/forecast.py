"""What a run would do now, without running anything: which stages are in the cache, and what changed in the others."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from pipeline.artifact_storage import ArtifactStorage
from pipeline.cache.changes import Change, changes
from pipeline.cache.key import fingerprint, own_parts
from pipeline.cache.lookup import find_baseline, is_intact
from pipeline.graph import Graph, LatestBlessed, Node, OutputRef
from pipeline.metadata.history import History
from pipeline.metadata.records import ArtifactRecord, ExecutionRecord

__all__ = ["Forecast", "Outcome", "forecast"]


class Outcome(StrEnum):
    """What would become of a stage."""

    CACHED = "CACHED"
    RUNS = "RUNS"
    DEPENDS = "DEPENDS"
    """Nothing of its own changed, but a stage before it runs: it runs only if that one's result is another one."""
    REFUSED = "REFUSED"


@dataclass(frozen=True)
class Forecast:
    """What would become of one stage, and why.

    Attributes:
        stage: its name.
        outcome: what would become of it.
        changes: what is not as in its last execution; of inputs only those that are known already.
        compared_with: that execution; None if it never had a result.
        waits_for: what it reads that is still to be made, `stage.output` by input.
        gone: names of artifacts that the cache has under this very key, but that are deleted or damaged.
        refusal: why a gate keeps it from running.
        cached_from: the run that did the work.
    """

    stage: str
    outcome: Outcome
    changes: Sequence[Change] = ()
    compared_with: ExecutionRecord | None = None
    waits_for: Mapping[str, str] = field(default_factory=dict)
    gone: Sequence[str] = ()
    refusal: str | None = None
    cached_from: int | None = None


def forecast(graph: Graph, storage: ArtifactStorage, store: History) -> dict[str, Forecast]:
    """What would become of every stage, by name, in the graph's order.

    Raises:
        UserError: a source or an encoder is missing.
    """
    told: dict[str, Forecast] = {}
    outputs: dict[OutputRef, ArtifactRecord] = {}
    for node in graph:
        told[node.name] = _forecast(node, told, outputs, storage, store)
    return told


def _forecast(
    node: Node,
    told: Mapping[str, Forecast],
    outputs: dict[OutputRef, ArtifactRecord],
    storage: ArtifactStorage,
    store: History,
) -> Forecast:
    refusal = _refusal(node, told, outputs)
    if refusal is not None:
        return Forecast(node.name, Outcome.REFUSED, refusal=refusal)
    inputs, waits_for = _inputs(node, outputs, storage, store)
    parts = own_parts(node.component, node.config)
    parts.update({f"input {name}": record.digest for name, record in inputs.items()})
    before = store.last_used(node.name)
    changed = _changes(node.name, before, parts, waits_for)
    gone: tuple[str, ...] = ()
    if not waits_for:
        for execution in store.find_complete(node.name, fingerprint(parts)):
            made = store.outputs(execution.id)
            damaged = tuple(
                record.name for name, record in made.items() if not is_intact(node, name, record, storage)
            )
            if not damaged:
                outputs.update({node[name]: record for name, record in made.items()})
                found = execution.run_id
                return Forecast(node.name, Outcome.CACHED, compared_with=before, cached_from=found)
            gone = gone or damaged
    depends = waits_for and before is not None and not changed
    outcome = Outcome.DEPENDS if depends else Outcome.RUNS
    return Forecast(node.name, outcome, changed, before, waits_for, gone)


def _refusal(
    node: Node, told: Mapping[str, Forecast], outputs: Mapping[OutputRef, ArtifactRecord]
) -> str | None:
    for name in sorted(node.predecessors()):
        if told[name].outcome is Outcome.REFUSED:
            return told[name].refusal
    gates = (outputs[gate].refusal for gate in node.gates if gate in outputs)
    return next((reason for reason in gates if reason is not None), None)


def _inputs(
    node: Node, outputs: Mapping[OutputRef, ArtifactRecord], storage: ArtifactStorage, store: History
) -> tuple[dict[str, ArtifactRecord], dict[str, str]]:
    """The inputs that are known, and what the others wait for."""
    known, waits_for = {}, {}
    for name, source in node.inputs.items():
        made = source.candidate if isinstance(source, LatestBlessed) else source
        if made not in outputs:
            waits_for[name] = str(made)
        elif isinstance(source, LatestBlessed):
            baseline = find_baseline(source, outputs[made], storage, store)
            if baseline is not None:
                known[name] = baseline
        else:
            known[name] = outputs[made]
    return known, waits_for


def _changes(
    stage: str, before: ExecutionRecord | None, parts: Mapping[str, str], waits_for: Mapping[str, str]
) -> list[Change]:
    """What changed, settings and files by their place in the configuration."""
    if before is None:
        return []
    unknown = {f"input {name}" for name in waits_for}
    known = {name: value for name, value in before.fingerprint_parts.items() if name not in unknown}
    return [
        dataclasses.replace(change, name=f"{stage}.{change.name}")
        if change.part in ("config", "file")
        else change
        for change in changes(known, parts)
    ]
