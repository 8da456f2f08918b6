"""`emotion validate`: are these data fit to train on?"""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from components.core.artifacts import Artifact, ExampleAnomalies, Examples, ExampleStatistics, Schema
from components.core.errors import UserError
from components.core.filesystem import exists, is_remote, local_path, subdirectories
from components.example_gen import ExampleGenConfig
from pipeline import api
from pipeline.artifact_storage import ArtifactStorage
from pipeline.commands.anomaly_table import print_anomalies, print_problems
from pipeline.commands.data_look import Findings, look_at
from pipeline.commands.output_file import require_writable
from pipeline.commands.run import REFUSED_EXIT_CODE, run_logged
from pipeline.commands.schema_file import CuratedSchema, write_schema_file
from pipeline.config import PipelineConfig, load_config, parse_config
from pipeline.console import ConsoleObserver
from pipeline.data_needs import unmet_needs
from pipeline.emotion import build_graph
from pipeline.local_runner import SILENT, RunObserver, RunResult
from pipeline.preflight import find_problems
from pipeline.printable import escape

__all__ = ["ValidateOptions", "validate_command"]

_LAST_STAGE = "example_validator"
_DEAD_LETTERS_TOLD = 5

_MANY_ROWS = 1000
"""So many leave none of the splits empty: a tenth of them misses one with a probability of 1e-46."""

T = TypeVar("T", bound=Artifact)


@dataclass(frozen=True, kw_only=True)
class ValidateOptions:
    """What the user may say.

    Attributes:
        text, labels: column names of a data file; None to guess.
        separator: what stands between labels; None to guess, empty if a text has one label.
        schema: curated schema to hold the data against.
        previous: earlier data, or statistics of them, to compare with.
        write_schema: where to write the inferred schema, or the curated one made to fit the data.
        force: whether `write_schema` may overwrite a file.
        root: directory to keep the artifacts in; that of the configuration, or a temporary one, if None.
        use_cache: whether stages that ran before are taken from the cache.
        as_json: whether to print JSON.
    """

    text: str | None = None
    labels: str | None = None
    separator: str | None = None
    schema: Path | None = None
    previous: str | None = None
    write_schema: Path | None = None
    force: bool = False
    root: Path | None = None
    use_cache: bool = True
    as_json: bool = False


def validate_command(data: str, options: ValidateOptions) -> int:
    """Runs the data stages, prints what is odd, and returns the exit code: 3 if a run would be refused, else 0.

    Args:
        data: a configuration (YAML), or a data file, glob pattern or directory.
        options: what the user said.

    Raises:
        UserError: an input or an option is wrong.
    """
    data = local_path(data)
    target = options.write_schema
    if target is not None:
        _require_writable(target, options)
    curated = CuratedSchema.read(options.schema) if options.schema is not None else None
    console = Console(quiet=options.as_json)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="emotion-validate-")))
        observer = stack.enter_context(_observe(console, data))
        config = _configure(data, options, curated, scratch)
        in_the_way = _later_problems(config) if _is_configuration(data) else []
        print_problems(console, in_the_way)
        result = run_logged(
            config,
            to=_LAST_STAGE,
            use_cache=options.use_cache,
            observer=observer,
            write_report=_is_kept(data, options),
        )
        unmet = _unmet_needs(data, config, options, result, scratch)
        print_problems(console, unmet)
        outcome = _outcome(data, config, options, result, [*in_the_way, *unmet])
        if target is not None:
            statistics = _output(result, "statistics_gen", ExampleStatistics)
            held = _output(result, "schema_gen", Schema).pbtxt_path
            outcome["schema_changes"] = write_schema_file(
                target, curated, statistics, inferred=held, data=data
            )
    if options.as_json:
        print(json.dumps(outcome, indent=2, ensure_ascii=False))
    else:
        print_anomalies(console, outcome, written=target)
    return 0 if outcome["fit"] else REFUSED_EXIT_CODE


def _later_problems(config: PipelineConfig) -> list[str]:
    """What would stop a run after the stages that run here; what stops these is an error of their own."""
    graph = build_graph(config)
    run_here = graph.upto(_LAST_STAGE).nodes
    return find_problems(node for node in graph if node.name not in run_here)


def _unmet_needs(
    data: str, config: PipelineConfig, options: ValidateOptions, result: RunResult, scratch: Path
) -> list[str]:
    """What stages after these would miss in the data; of a few rows in one file, once they are dealt to splits."""
    examples = _output(result, "example_gen", Examples)
    anomalies = _output(result, _LAST_STAGE, ExampleAnomalies).anomalies()
    told = {found["split"] for found in anomalies if found["type"].startswith("SPLIT_") and _is_error(found)}
    whole = None if _is_configuration(data) else config.example_gen.splits.get("train")
    if whole is None:
        return unmet_needs(config, examples, told=told)
    if examples.summary()["splits"]["train"]["rows"] >= _MANY_ROWS:
        return []
    found = look_at(data, text=options.text, labels=options.labels)
    columns = config.example_gen.columns.model_copy(update={"group": found.group})
    dealt = _set(config, "example_gen", source=whole, splits={}, columns=columns)
    dealt = dealt.model_copy(update={"root": str(scratch / "dealt"), "work_dir": None})
    result = run_logged(dealt, to="example_gen", use_cache=False, observer=SILENT, write_report=False)
    return unmet_needs(dealt, _output(result, "example_gen", Examples))


def _is_error(anomaly: Mapping[str, str]) -> bool:
    return anomaly["severity"] == "ERROR"


def _require_writable(target: Path, options: ValidateOptions) -> None:
    """Before anything runs, that a schema may be written there."""
    if not target.parent.is_dir():
        raise UserError(f"{target}: there is no directory {target.parent}; make it, or name another file")
    is_curated = options.schema is not None and target.resolve() == options.schema.resolve()
    if target.exists() and not options.force and not is_curated:
        raise UserError(f"{target}: exists already; add --force to overwrite it, or name another file")
    require_writable(target)


def _configure(
    data: str, options: ValidateOptions, curated: CuratedSchema | None, scratch: Path
) -> PipelineConfig:
    """The configuration that was given, or one for the data file; with the schema and the earlier data, if given."""
    if _is_configuration(data):
        for name in ("text", "labels", "separator"):
            if getattr(options, name) is not None:
                raise UserError(f"--{name} is for data files; {data} says it under `example_gen`")
        config = load_config(data)
        if options.root is not None:
            config = config.model_copy(update={"root": str(options.root)})
    else:
        found = look_at(data, text=options.text, labels=options.labels)
        config = _describe(data, found, options, curated, options.root or scratch / "root")
    if options.schema is not None:
        config = _set(config, "schema_gen", schema_path=str(options.schema.resolve()))
    if options.previous is not None:
        earlier = _find_statistics(options.previous, config, scratch / "previous")
        config = _set(config, _LAST_STAGE, previous_statistics=earlier)
    return config


def _is_kept(data: str, options: ValidateOptions) -> bool:
    """Whether what the run leaves is there afterwards."""
    return _is_configuration(data) or options.root is not None


def _is_configuration(data: str) -> bool:
    return Path(data).suffix.lower() in (".yaml", ".yml")


def _describe(
    data: str, found: Findings, options: ValidateOptions, curated: CuratedSchema | None, root: Path
) -> PipelineConfig:
    """A configuration for data that were looked at.

    Files that are not named after splits are one split, `train`, whole: there is nothing to train here, and rows that
    are dealt to splits would only be looked at apart.
    """
    named = {column: column for column in ("context", "weight", "group") if _asks(curated, column, found)}
    slices = [column for column in found.columns if _asks(curated, f"slice/{column}", found)]
    where: dict[str, Any] = {"source": data} if found.splits else {"splits": {"train": data}}
    reading = found.reading()
    reading["columns"].update(slices=slices, **named)
    if options.separator is not None:
        reading["separator"] = options.separator or None
    return parse_config(
        {
            "name": "validate",
            "root": str(root),
            # Up to three runs of seconds each: a process of its own would spend more on imports, for each of them.
            "runner": {"workers": 0},
            # All that is odd is told, also where a run would stop at rows that are no examples.
            "example_gen": {**where, **reading, "max_dead_letter_share": 1.0},
            "example_validator": {
                "required_splits": found.splits or ("train",),
                "max_dead_letter_share": ExampleGenConfig.model_fields["max_dead_letter_share"].default,
                "severities": {"DEAD_LETTERS_HIGH": "ERROR"},
            },
        },
        source=data,
    )


def _asks(curated: CuratedSchema | None, feature: str, found: Findings) -> bool:
    """Whether the schema describes a feature and the data have a column of its name."""
    return curated is not None and feature in curated.features and feature.split("/")[-1] in found.columns


def _set(config: PipelineConfig, stage: str, **settings: Any) -> PipelineConfig:
    section = getattr(config, stage)
    return config.model_copy(update={stage: section.model_copy(update=settings)})


def _find_statistics(previous: str, config: PipelineConfig, root: Path) -> str:
    """Statistics as they are, or of earlier data, which are read as the data themselves are."""
    previous = local_path(previous)
    uri = previous if is_remote(previous) else str(Path(previous).resolve())
    below = subdirectories(uri)
    if (
        uri.endswith(".pb")
        or exists(f"{uri}/FeatureStats.pb")
        or any(name.startswith("Split-") for name in below)
    ):
        return uri
    named = look_at(uri, text=config.example_gen.columns.text, labels=config.example_gen.columns.labels)
    where: dict[str, Any] = {"source": uri, "splits": {}}
    if not named.splits and config.example_gen.splits:
        where = {"source": None, "splits": {"train": uri}}
    earlier = _set(config, "example_gen", **where).model_copy(update={"root": str(root), "work_dir": None})
    result = run_logged(earlier, to="statistics_gen", use_cache=False, observer=SILENT, write_report=False)
    return str(_output(result, "statistics_gen", ExampleStatistics).path)


@contextmanager
def _observe(console: Console, data: str) -> Iterator[RunObserver]:
    """Progress by stage for a pipeline; for a file no more than that it is being looked at."""
    if console.quiet:
        yield SILENT
    elif _is_configuration(data):
        with ConsoleObserver(console) as observer:
            yield observer
    else:
        with console.status(f"looking at {escape(data)} …"):
            yield SILENT


def _output(result: RunResult, stage: str, kind: type[T]) -> T:
    return next(found for found in result.stages[stage].outputs.values() if isinstance(found, kind))


def _dead_letters(examples: Examples) -> Iterator[dict[str, Any]]:
    for file in sorted(examples.dead_letters_dir.glob("*.jsonl")):
        with file.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def _columns(config: PipelineConfig) -> dict[str, Any]:
    """What was guessed, or said, of a data file."""
    read = config.example_gen
    return {
        "text": read.columns.text,
        "labels": read.columns.labels or read.columns.label_columns,
        "separator": read.separator,
    }


def _detected(summary: Mapping[str, Any]) -> list[str]:
    """Encodings that were told from the files' bytes."""
    return sorted({source["encoding"] for source in summary["sources"] if "(detected)" in source["encoding"]})


def _outcome(
    data: str, config: PipelineConfig, options: ValidateOptions, result: RunResult, in_the_way: Sequence[str]
) -> dict[str, Any]:
    """What is printed, as JSON would show it."""
    anomalies = _output(result, _LAST_STAGE, ExampleAnomalies).anomalies()
    examples = _output(result, "example_gen", Examples)
    summary = examples.summary()
    source = result.stages["schema_gen"].summary["source"]
    report = api.report_path(ArtifactStorage(config.root, config.work_dir), result)
    errors = sum(map(_is_error, anomalies))
    return {
        "data": data,
        "fit": not errors and not in_the_way,
        "in_the_way": list(in_the_way),
        "splits": {split: entry["rows"] for split, entry in summary["splits"].items()},
        "dead_letters": summary["dead_letters"],
        "first_dead_letters": list(islice(_dead_letters(examples), _DEAD_LETTERS_TOLD)),
        "labels": len(summary["labels"]),
        "encodings": _detected(summary),
        "columns": None if _is_configuration(data) else _columns(config),
        "schema": str(options.schema)
        if options.schema is not None
        else None
        if source == "inferred"
        else source,
        "errors": errors,
        "warnings": len(anomalies) - errors,
        "anomalies": anomalies,
        "report": str(report) if _is_kept(data, options) else None,
    }
