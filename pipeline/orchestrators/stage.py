"""Runs one stage of the graph with inputs and outputs that somebody else keeps account of."""

import logging
import resource
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from components.core.artifacts import Artifact
from components.core.component import Lineage, Scratch, Summary
from components.core.errors import EmotionPipelineError, UserError
from components.core.filesystem import content_digest, remove_directory
from components.core.progress import NO_PROGRESS, Progress
from pipeline.cache.key import fingerprint, fingerprint_parts
from pipeline.graph import BlessedBefore, LatestBlessed, Node
from pipeline.metadata.records import ArtifactRecord, State
from pipeline.orchestrators.delivery import absolute, deliver, fetch, is_occupied
from pipeline.orchestrators.record import OutputRecord, StageRecord
from pipeline.orchestrators.registry import Registry
from pipeline.preflight import require_no_problems

__all__ = ["StageRequest", "run_stage"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StageRequest:
    """Where a stage finds its inputs and leaves its outputs: paths or URIs.

    Attributes:
        inputs: by name; a baseline that is not given is looked up in the registry, if there is one.
        outputs: by name.
        gates: by `stage.output`, artifacts that may refuse the stage.
        pipeline: its name, and
        run: that of the run: what leaves the pipeline tells both. None outside a run.
        registry: where blessed artifacts and the cache are; without one there is neither baseline nor cache.
        use_cache: whether what the registry knows to come of the same code, settings and input is taken from there.
        scratch: directory in which unfinished work outlives this process.
        replace: whether outputs that an earlier try left are replaced; if not, they are an error.
    """

    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    gates: Mapping[str, str] = field(default_factory=dict)
    pipeline: str = ""
    run: str | None = None
    registry: Registry | None = None
    use_cache: bool = True
    scratch: Path | None = None
    replace: bool = False


def run_stage(node: Node, request: StageRequest, *, progress: Progress = NO_PROGRESS) -> StageRecord:
    """Runs the stage unless a gate refuses it or the registry knows what comes of it.

    1. Checks the names and places, before anything is brought or made.
    2. Asks the gates.
    3. Brings inputs to this machine, and the baseline out of the registry.
    4. Runs the component on a temporary directory, or takes what it made of the same input before.
    5. Publishes the outputs, all or none.
    6. Has the registry remember what came of it, and a candidate that was blessed as the baseline of later runs.

    Raises:
        UserError: a name or a place is wrong, or what the component itself says is.
    """
    started = time.monotonic()
    _check(node, request)
    with TemporaryDirectory(prefix="emotion-stage-") as directory:
        work = Path(directory)
        refusal = _refusal(node, request, work / "gates")
        if refusal is not None:
            return StageRecord(node.name, State.REFUSED, refusal, seconds=time.monotonic() - started)
        inputs = _fetch_inputs(node, request, work / "inputs")
        digests = {name: content_digest(str(artifact.path)) for name, artifact in inputs.items()}
        key = _fingerprint(node, inputs, digests)
        record = _reuse(node, request, key, work / "cached")
        if record is None:
            lineage = None if request.run is None else Lineage(request.pipeline, request.run, digests)
            record = _execute(node, request, inputs, key, lineage, work / "outputs", progress)
        record = replace(record, seconds=time.monotonic() - started, inputs=digests)
        if request.registry is not None:
            if record.state is State.COMPLETE:
                request.registry.remember(key, record)
            for candidate in _blessed_candidates(node, inputs, record.outputs):
                request.registry.add_blessed(candidate)
    return record


def _execute(
    node: Node,
    request: StageRequest,
    inputs: Mapping[str, Artifact],
    key: str,
    lineage: Lineage | None,
    into: Path,
    progress: Progress,
) -> StageRecord:
    outputs = {name: kind(into / name) for name, kind in node.component.spec.outputs.items()}
    for output in outputs.values():
        output.path.mkdir(parents=True)
    scratch = _scratch(node, request, key)
    summary = _call(node, inputs, outputs, progress, scratch, lineage)
    published = {
        name: OutputRecord(
            type(output).__name__,
            absolute(request.outputs[name]),
            content_digest(str(output.path)),
            output.refusal(),
        )
        for name, output in outputs.items()
    }
    _publish({name: output.path for name, output in outputs.items()}, request)
    if scratch is not None:
        remove_directory(str(scratch.path))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return StageRecord(node.name, State.COMPLETE, summary=summary, peak_memory_mib=peak, outputs=published)


def _reuse(node: Node, request: StageRequest, key: str, into: Path) -> StageRecord | None:
    """Publishes what an earlier execution made, if it is still what it was."""
    if request.registry is None or not request.use_cache:
        return None
    before = request.registry.remembered(node.name, key)
    if before is None:
        return None
    kinds, found = node.component.spec.outputs, {}
    for name, output in before.outputs.items():
        try:
            found[name] = fetch(output.uri, into / name)
        except (EmotionPipelineError, OSError) as err:
            _log.info("%s: not taken from the cache: %s", node.name, err)
            return None
        if content_digest(str(found[name])) != output.digest or not kinds[name](found[name]).is_intact():
            _log.info("%s: not taken from the cache: %s has changed", node.name, output.uri)
            return None
    _publish(found, request)
    outputs = {
        name: replace(output, uri=absolute(request.outputs[name])) for name, output in before.outputs.items()
    }
    return replace(before, state=State.CACHED, peak_memory_mib=None, outputs=outputs)


def _check(node: Node, request: StageRequest) -> None:
    spec = node.component.spec
    required = node.inputs.keys() - spec.optional
    _check_names(node, "input", request.inputs, required=required, known=node.inputs)
    _check_names(node, "output", request.outputs, required=spec.outputs, known=spec.outputs)
    gates = [str(gate) for gate in node.gates]
    _check_names(node, "gate", request.gates, required=(), known=gates)
    for name, uri in request.outputs.items():
        if not request.replace and is_occupied(uri):
            raise UserError(
                f"--output {name}={uri}: something is there already; name a place where nothing is, or pass --replace"
            )
    require_no_problems([node])


def _check_names(
    node: Node, what: str, given: Iterable[str], *, required: Iterable[str], known: Iterable[str]
) -> None:
    missing, unknown = sorted({*required} - {*given}), sorted({*given} - {*known})
    if missing or unknown:
        wrong = [f"--{what} {name}=… is missing" for name in missing]
        wrong += [f"{what} {name!r} is unknown" for name in unknown]
        takes = ", ".join(known) or "none"
        raise UserError(f"stage {node.name}: {', '.join(wrong)}; in this configuration it takes {takes}")


def _refusal(node: Node, request: StageRequest, into: Path) -> str | None:
    for gate in node.gates:
        if str(gate) in request.gates:
            reason = gate.type(fetch(request.gates[str(gate)], into / str(gate))).refusal()
            if reason is not None:
                return reason
    return None


def _fetch_inputs(node: Node, request: StageRequest, into: Path) -> dict[str, Artifact]:
    types = node.component.spec.inputs
    inputs = {name: types[name](fetch(uri, into / name)) for name, uri in request.inputs.items()}
    if request.registry is not None:
        for name, source in node.inputs.items():
            if isinstance(source, LatestBlessed) and name not in inputs:
                candidate = content_digest(str(inputs[_candidate_name(node, source)].path))
                found = request.registry.latest_blessed(
                    types[name],
                    other_than=candidate,
                    into=into / name,
                    not_from=candidate if isinstance(source, BlessedBefore) else "",
                )
                if found is not None:
                    inputs[name] = found
    return inputs


def _candidate_name(node: Node, baseline: LatestBlessed) -> str:
    """The name of the input that is judged against the baseline."""
    return next(name for name, source in node.inputs.items() if source == baseline.candidate)


def _blessed_candidates(
    node: Node, inputs: Mapping[str, Artifact], published: Mapping[str, OutputRecord]
) -> list[Artifact]:
    """The inputs that a blessing among the outputs was given to."""
    given = {output.type for output in published.values() if output.refusal is None}
    baselines = [source for source in node.inputs.values() if isinstance(source, LatestBlessed)]
    return [inputs[_candidate_name(node, one)] for one in baselines if one.blessing.__name__ in given]


def _fingerprint(node: Node, inputs: Mapping[str, Artifact], digests: Mapping[str, str]) -> str:
    records = {
        name: ArtifactRecord(0, type(artifact).__name__, str(artifact.path), digests[name], None)
        for name, artifact in inputs.items()
    }
    return fingerprint(fingerprint_parts(node.component, node.config, records))


def _scratch(node: Node, request: StageRequest, key: str) -> Scratch | None:
    """A place that only the same code with the same settings and data comes back to."""
    if request.scratch is None or not node.component.spec.keeps_scratch:
        return None
    path = request.scratch / node.name / key
    path.mkdir(parents=True, exist_ok=True)
    return Scratch(path)


def _call(
    node: Node,
    inputs: Mapping[str, Artifact],
    outputs: Mapping[str, Artifact],
    progress: Progress,
    scratch: Scratch | None,
    lineage: Lineage | None,
) -> Summary:
    spec = node.component.spec
    arguments: dict[str, object] = {
        "config": node.config,
        **dict.fromkeys(spec.optional),
        **inputs,
        **outputs,
    }
    if spec.reports_progress:
        arguments["progress"] = progress
    if spec.keeps_scratch:
        arguments["scratch"] = scratch
    if spec.tells_lineage:
        arguments["lineage"] = lineage
    return node.component(**arguments)


def _publish(sources: Mapping[str, Path], request: StageRequest) -> None:
    done: list[str] = []
    try:
        for name, source in sources.items():
            deliver(source, request.outputs[name], replace=request.replace)
            done.append(request.outputs[name])
    except BaseException:
        for uri in done:
            remove_directory(uri)
        raise
