"""`emotion report`: the report of a run whose stages ran as commands of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from components.core.artifacts import Artifact
from components.core.atomic_files import copy_file
from components.core.errors import EmotionPipelineError, UserError
from pipeline.commands.stage import read_config
from pipeline.config import PipelineConfig
from pipeline.emotion import build_graph
from pipeline.graph import Node
from pipeline.metadata.records import State
from pipeline.orchestrators.delivery import fetch
from pipeline.orchestrators.record import StageRecord
from pipeline.orchestrators.registry import Registry
from pipeline.printable import printable
from pipeline.running.results import RunResult, StageResult

__all__ = ["report_command"]


def report_command(config_source: str, *, variables: Sequence[str], registry: str, run: str) -> None:
    """Writes `report.html`, `statistics.html` and `MODEL_CARD.md` of the run into the registry, and tells its end.

    Raises:
        UserError: the registry knows no such run.
    """
    config = read_config(config_source, variables)
    shelf = Registry(registry, config.name)
    records = shelf.records(run)
    if not records:
        raise UserError(
            f"{shelf.run_uri(run)}: no stage has left anything here; --registry and --run are to be those of the stages"
        )
    with TemporaryDirectory(prefix="emotion-report-") as directory:
        work = Path(directory)
        stages = _stage_results(config, records, work / "artifacts")
        written = _write(config, RunResult(0, _state(stages), stages), run, work)
        for file in written:
            copy_file(str(file), f"{shelf.run_uri(run)}/report/{file.name}")
    for result in stages.values():
        print(f"{result.name:<22} {result.state.lower():<9} {printable(result.message)}".rstrip())
    print(f"{shelf.run_uri(run)}/report/{written[0].name}")


def _stage_results(
    config: PipelineConfig, records: Mapping[str, StageRecord], into: Path
) -> dict[str, StageResult]:
    results: dict[str, StageResult] = {}
    for node in build_graph(config):
        record = records.get(node.name)
        if record is None:
            record = StageRecord(node.name, State.REFUSED, _why_not_run(node, records, results))
        results[node.name] = StageResult(
            node.name,
            record.state,
            record.summary,
            _artifacts(node, record, into / node.name),
            record.seconds,
            record.peak_memory_mib,
            record.message,
            digests={name: output.digest for name, output in record.outputs.items()},
            reads={name: str(source) for name, source in node.inputs.items()},
        )
    return results


def _why_not_run(node: Node, records: Mapping[str, StageRecord], results: Mapping[str, StageResult]) -> str:
    """The refusal of a gate or of a stage before it, else which stage before it did not end."""
    for gate in node.gates:
        record = records.get(gate.stage)
        if record is not None and gate.name in record.outputs:
            refusal = record.outputs[gate.name].refusal
            if refusal is not None:
                return refusal
    for name in node.predecessors():
        match results[name].state:
            case State.REFUSED:
                return results[name].message
            case State.FAILED | State.CANCELED:
                return f"{name} did not end"
    return "was not begun"


def _artifacts(node: Node, record: StageRecord, into: Path) -> dict[str, Artifact]:
    """The outputs that can be had; those that cannot leave a gap in the report."""
    found: dict[str, Artifact] = {}
    for name, output in record.outputs.items():
        try:
            found[name] = node.component.spec.outputs[name](fetch(output.uri, into / name))
        except (EmotionPipelineError, OSError) as err:
            print(f"{node.name}.{name} is left out: {printable(str(err))}")
    return found


def _state(stages: Mapping[str, StageResult]) -> State:
    """The worst state of a stage, in this order; COMPLETE if none is among them."""
    states = {stage.state for stage in stages.values()}
    worst = (State.FAILED, State.CANCELED, State.REFUSED)
    return next((state for state in worst if state in states), State.COMPLETE)


def _write(config: PipelineConfig, result: RunResult, run: str, into: Path) -> list[Path]:
    from pipeline.report import collect_report, render_model_card, render_report, render_statistics

    data = replace(collect_report(result, config), run_id=run)
    pages = {
        "report.html": render_report(data),
        "statistics.html": render_statistics(data) if data.statistics is not None else None,
        "MODEL_CARD.md": render_model_card(data, config.model_card),
    }
    written = []
    for name, text in pages.items():
        if text is not None:
            (into / name).write_text(text, encoding="utf-8")
            written.append(into / name)
    return written
