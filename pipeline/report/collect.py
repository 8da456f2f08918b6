"""Gathers what the stages of a run left behind; a stage that was not run leaves a gap, never an error."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from components.core.artifacts import (
    Artifact,
    ExampleAnomalies,
    Examples,
    ExampleStatistics,
    InfraBlessing,
    Model,
    ModelBlessing,
    ModelEvaluation,
    PushedModel,
    SavedModelExport,
    TFLiteExport,
    TransformedExamples,
    TransformGraph,
    TuningStudy,
)
from pipeline.local_runner import RunResult, StageResult
from pipeline.report.environment import environment
from pipeline.report.example_sample import ExampleSample, sample_examples
from pipeline.report.feature_table import read_features
from pipeline.report.stage_logs import log_tail

if TYPE_CHECKING:
    from pipeline.config import PipelineConfig

__all__ = ["ReportData", "collect_report"]

_DEAD_LETTERS_SHOWN = 10

A = TypeVar("A", bound=Artifact)


@dataclass(frozen=True)
class ReportData:
    """All that the report shows, as plain JSON values; None where the run has no such thing.

    Attributes:
        pipeline: the pipeline's name.
        run_id: number of the run, or its name where another orchestrator ran it.
        state: COMPLETE or REFUSED.
        created_at: ISO 8601, UTC.
        refusals: why stages were not run.
        stages: by name: `state`, `seconds`, `peak_memory_mib` (None if unknown), `summary`, `message`, `outputs` (paths
            by name), `digests` (of outputs), `reads` (`stage.output` by input), `ran_in` (the run that did the work),
            `resources` (what it took), `log` (its path) and `log_tail` (its end).
        examples: `summary.json` of Examples.
        dead_letters: the first few of them.
        sampled: a few of the examples.
        statistics: `statistics.json`.
        features: figures of every feature by split and name, as `read_features` returns them.
        anomalies: `anomalies.json`.
        token_lengths: `lengths.json` of TransformGraph.
        transformed: `summary.json` of TransformedExamples.
        max_tokens: the longest sequence in tokens that Transform leaves whole.
        model: `model.json`.
        training: `training.json`.
        study: `study.json` of the Tuner.
        metrics: `metrics.json`.
        model_verdict: `verdict.json` of the Evaluator.
        infra_verdict: `verdict.json` of the InfraValidator.
        parity: `parity.json`.
        saved_model: `export.json` of the SavedModel.
        tflite: `export.json` of the TFLite files.
        pushed: `pushed.json`.
        environment: versions by package, and the machine.
        config_yaml: the whole configuration.
    """

    pipeline: str
    run_id: int | str
    state: str
    created_at: str
    refusals: Sequence[str] = ()
    stages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    examples: Mapping[str, Any] | None = None
    dead_letters: Sequence[Mapping[str, Any]] = ()
    sampled: ExampleSample | None = None
    statistics: Mapping[str, Any] | None = None
    features: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    anomalies: Sequence[Mapping[str, Any]] | None = None
    token_lengths: Mapping[str, Any] | None = None
    transformed: Mapping[str, Any] | None = None
    max_tokens: int | None = None
    model: Mapping[str, Any] | None = None
    training: Mapping[str, Any] | None = None
    study: Mapping[str, Any] | None = None
    metrics: Mapping[str, Any] | None = None
    model_verdict: Mapping[str, Any] | None = None
    infra_verdict: Mapping[str, Any] | None = None
    parity: Mapping[str, Any] | None = None
    saved_model: Mapping[str, Any] | None = None
    tflite: Mapping[str, Any] | None = None
    pushed: Mapping[str, Any] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    config_yaml: str = ""


def collect_report(result: RunResult, config: "PipelineConfig") -> ReportData:
    """Reads the JSON files of a run's artifacts.

    Args:
        result: what became of the run's stages.
        config: what the run was configured with.
    """
    outputs = [artifact for stage in result.stages.values() for artifact in stage.outputs.values()]
    examples = _find(outputs, Examples)
    statistics = _find(outputs, ExampleStatistics)
    anomalies = _find(outputs, ExampleAnomalies)
    transform_graph = _find(outputs, TransformGraph)
    transformed = _find(outputs, TransformedExamples)
    model = _find(outputs, Model)
    evaluation = _find(outputs, ModelEvaluation)
    model_blessing = _find(outputs, ModelBlessing)
    infra_blessing = _find(outputs, InfraBlessing)
    saved_model = _find(outputs, SavedModelExport)
    tflite = _find(outputs, TFLiteExport)
    pushed = _find(outputs, PushedModel)
    return ReportData(
        pipeline=config.name,
        run_id=result.run_id,
        state=str(result.state),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        refusals=result.refusals,
        stages={name: _stage(stage) for name, stage in result.stages.items()},
        examples=_read(examples, lambda found: found.summary_path),
        dead_letters=list(islice(_dead_letters(examples), _DEAD_LETTERS_SHOWN)) if examples else [],
        sampled=sample_examples(examples) if examples else None,
        statistics=_read(statistics, lambda found: found.json_path),
        features=read_features(statistics) if statistics else {},
        anomalies=_read(anomalies, lambda found: found.json_path),
        token_lengths=_read(transform_graph, lambda found: found.lengths_path),
        transformed=_read(transformed, lambda found: found.summary_path),
        max_tokens=config.transform.max_tokens,
        model=_read(model, lambda found: found.config_path),
        training=_read(model, lambda found: found.history_path),
        study=_read(_find(outputs, TuningStudy), lambda found: found.study_path),
        metrics=_read(evaluation, lambda found: found.metrics_path),
        model_verdict=_read(model_blessing, lambda found: found.verdict_path),
        infra_verdict=_read(infra_blessing, lambda found: found.verdict_path),
        parity=_read(infra_blessing, lambda found: found.parity_path),
        saved_model=_read(saved_model, lambda found: found.export_path),
        tflite=_read(tflite, lambda found: found.export_path),
        pushed=_read(pushed, lambda found: found.pushed_path),
        environment=environment(_gpus(result)),
        config_yaml=yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True),
    )


def _gpus(result: RunResult) -> int | None:
    """How many GPUs the stages had; None if it is not known of any stage."""
    known = [stage.resources for stage in result.stages.values() if stage.resources]
    return max(int(resources.get("gpus", 0)) for resources in known) if known else None


def _find(outputs: Sequence[Artifact], kind: type[A]) -> A | None:
    return next((artifact for artifact in outputs if isinstance(artifact, kind)), None)


def _stage(stage: StageResult) -> dict[str, Any]:
    return {
        "state": str(stage.state),
        "seconds": stage.seconds,
        "peak_memory_mib": stage.peak_memory_mib,
        "resources": dict(stage.resources),
        "log": None if stage.log is None else str(stage.log),
        "log_tail": log_tail(stage.log),
        "summary": dict(stage.summary),
        "message": stage.message,
        "outputs": {name: str(artifact.path) for name, artifact in stage.outputs.items()},
        "digests": dict(stage.digests),
        "reads": dict(stage.reads),
        "ran_in": stage.ran_in,
    }


def _read(artifact: A | None, path: Callable[[A], Path]) -> Any:
    """The JSON document at the artifact's path; None without the artifact, or if its stage left no such file."""
    if artifact is None:
        return None
    try:
        return json.loads(path(artifact).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def _dead_letters(examples: Examples) -> Iterator[dict[str, Any]]:
    for part in sorted(examples.dead_letters_dir.glob("*.jsonl")):
        with part.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)
