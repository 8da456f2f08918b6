"""The configuration of a whole pipeline: one YAML file, one section a stage."""

import difflib
import os
import re
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, Field, ValidationError, field_serializer, model_validator

from components.core.config import Config, OutputPath
from components.core.errors import ConfigError
from components.data.beam.beam_config import BeamConfig
from components.data.sources.source_files import is_data_file
from components.evaluator import EvaluatorConfig
from components.example_gen import ExampleGenConfig
from components.example_validator import ExampleValidatorConfig
from components.infra_validator import InfraValidatorConfig
from components.modeling.tuning.search_space import check_space
from components.pretrainer import PretrainerConfig
from components.pusher import PusherConfig
from components.saved_model_exporter import SavedModelExporterConfig
from components.schema_gen import SchemaGenConfig
from components.statistics_gen import StatisticsGenConfig
from components.tflite_exporter import TFLiteExporterConfig
from components.trainer import TrainerConfig
from components.transform import TransformConfig
from components.tuner import TunerConfig
from pipeline.model_card_config import ModelCardConfig
from pipeline.orchestrators.resources import StageResources
from pipeline.running.runner_config import RunnerConfig
from pipeline.yaml_documents import load_yaml

__all__ = ["VARIABLE", "PipelineConfig", "load_config", "parse_config", "parse_yaml", "read_yaml"]


class PipelineConfig(Config):
    """Everything that a run needs to know."""

    name: str = Field(min_length=1, pattern=r"^[A-Za-z0-9_.-]+$")
    """Name of the pipeline: letters, digits, `_`, `.` and `-`."""

    root: OutputPath = ""
    """Directory or URI of artifacts, metadata and reports, from the working directory; `runs/<name>` if empty."""

    work_dir: str | None = None
    """Local directory for metadata, staging and reports where `root` is remote (`gs://`, `s3://`)."""

    metadata: str | None = None
    """URL of the database of runs, executions and artifacts, which other roots may share:
    `postgresql://user@host/database`, `mysql://…`, `sqlite:////a/file`; `metadata.sqlite` in the root if None. Give a
    password as `${NAME}` from the environment: it is written nowhere. It is part of no stage's cache key."""

    beam: BeamConfig = BeamConfig()
    """Where the data stages' Beam pipelines run; in this process if not given. It is part of no stage's cache key."""

    runner: RunnerConfig = RunnerConfig()
    """How stages run on this machine: processes, timeouts, retries. It is part of no stage's cache key."""

    example_gen: ExampleGenConfig
    statistics_gen: StatisticsGenConfig = StatisticsGenConfig()
    schema_gen: SchemaGenConfig = SchemaGenConfig()
    example_validator: ExampleValidatorConfig = ExampleValidatorConfig()
    transform: TransformConfig = TransformConfig()
    pretrainer: PretrainerConfig | None = None
    """Reads unlabelled texts before the training; a stage only if the section is there (`pretrainer: {}`)."""

    trainer: TrainerConfig = TrainerConfig()

    tuner: TunerConfig | None = None
    """Search for better settings of the Trainer; there is no such stage without this section."""

    evaluator: EvaluatorConfig = EvaluatorConfig()
    saved_model_exporter: SavedModelExporterConfig = SavedModelExporterConfig()
    tflite_exporter: TFLiteExporterConfig = TFLiteExporterConfig()
    infra_validator: InfraValidatorConfig = InfraValidatorConfig()
    pusher: PusherConfig = PusherConfig()
    resources: dict[str, StageResources] = Field(default={})
    """Container of each stage where another orchestrator runs it (`emotion compile`). It is part of no cache key."""

    model_card: ModelCardConfig = ModelCardConfig()
    """What only the owner knows, for `MODEL_CARD.md` beside the report. It is part of no stage's cache key."""

    @model_validator(mode="after")
    def _check_one_start(self) -> "PipelineConfig":
        if self.pretrainer is not None and self.trainer.warm_start is not None:
            raise ValueError(
                "`pretrainer` and `trainer.warm_start` both say where the training starts; leave one out"
            )
        return self

    @model_validator(mode="after")
    def _check_what_is_searched(self) -> "PipelineConfig":
        """The Trainer takes what the Tuner finds, beside settings that may be others than those of the trials."""
        if self.tuner is not None:
            try:
                check_space(self.tuner.search_space, self.trainer)
            except ValueError as err:
                raise ValueError(f"`tuner` beside `trainer`, which takes what is found: {err}") from err
        return self

    @field_serializer("metadata")
    def _hide_password(self, url: str | None) -> str | None:
        """Configurations are kept with their runs and shown in reports."""
        return url and _PASSWORD.sub("", url)

    @model_validator(mode="before")
    @classmethod
    def _default_root(cls, values: Any) -> Any:
        if isinstance(values, dict) and not values.get("root") and values.get("name"):
            return {**values, "root": f"runs/{values['name']}"}
        return values

    @model_validator(mode="before")
    @classmethod
    def _count_the_tokens_of_transform(cls, values: Any) -> Any:
        """StatisticsGen counts tokens as Transform will make them, unless its own section says otherwise."""
        if not isinstance(values, dict):
            return values
        own, transform = (values.get(name, {}) for name in ("statistics_gen", "transform"))
        if not isinstance(own, dict) or not isinstance(transform, dict):
            return values
        shared = {
            name: transform.get(name, TransformConfig.model_fields[name].default)
            for name in ("encoder", "special_tokens", "casing", "emoji")
        }
        return {**values, "statistics_gen": {**shared, **own}}

    @model_validator(mode="before")
    @classmethod
    def _compare_what_the_model_reads(cls, values: Any) -> Any:
        """Contexts tell texts apart for a model of two segments, unless the section of ExampleGen says otherwise."""
        if not isinstance(values, dict):
            return values
        read, transform = (values.get(name, {}) for name in ("example_gen", "transform"))
        if isinstance(transform, TransformConfig):
            transform = transform.model_dump()
        if not isinstance(transform, dict) or transform.get("segments") != 2:
            return values
        if isinstance(read, ExampleGenConfig):
            read = read.model_dump(exclude_unset=True)
        own = read.get("duplicates", {}) if isinstance(read, dict) else None
        if not isinstance(own, dict):
            return values
        return {**values, "example_gen": {**read, "duplicates": {"contexts": True, **own}}}

    @model_validator(mode="before")
    @classmethod
    def _start_the_tuner_from_the_trainer(cls, values: Any) -> Any:
        """Trials are trained as the Trainer's section says, unless the Tuner's own section does otherwise."""
        if not isinstance(values, dict) or not isinstance(own := values.get("tuner"), dict):
            return values
        trainer, changed = values.get("trainer") or {}, own.get("trainer") or {}
        if not isinstance(trainer, dict) or not isinstance(changed, dict):
            return values
        start = {key: value for key, value in trainer.items() if key not in _NOT_IN_TRIALS}
        return {**values, "tuner": {**own, "trainer": {**start, **changed}}}

    # Validators of this mode run from the last to the first: the Tuner's section takes what this one sets.
    @model_validator(mode="before")
    @classmethod
    def _name_the_encoder_where_it_is_loaded(cls, values: Any) -> Any:
        """What Transform called it may be another path, on another machine or before it was moved."""
        if not isinstance(values, dict) or not isinstance(transform := values.get("transform", {}), dict):
            return values
        shared = {"encoder": transform.get("encoder", TransformConfig.model_fields["encoder"].default)}
        loading = {"trainer": values.get("trainer", {}), "pretrainer": values.get("pretrainer")}
        told = {name: {**shared, **own} for name, own in loading.items() if isinstance(own, dict)}
        return {**values, **told}


_PROBLEMS_TOLD = 3

_PASSWORD = re.compile(r"(?<=[^/:@]):[^/@]*(?=@)")
"""`:secret` in `postgresql://user:secret@host`."""

_ALTERNATIVE = re.compile(r"[a-z-]+\[.*\]|\[key\]")
"""`tuple[str, ...]`: which of several types was tried, in a location as pydantic has it."""

_NOT_IN_TRIALS = ("tracking", "ensemble", "checkpoints")


def load_config(path: Path | str) -> PipelineConfig:
    """Reads a configuration file; relative input paths in it are taken from its directory.

    `${NAME}` and `${NAME:-default}` in any text are replaced by environment variables.

    Raises:
        ConfigError: the file is missing, is no YAML, or a key is unknown, missing or out of range.
    """
    path = Path(path)
    if path.is_file() and is_data_file(path.name):
        raise ConfigError(
            f"{path}: holds data; expected a configuration in YAML, which `emotion init {path}` writes for it"
        )
    return parse_yaml(read_yaml(path), source=str(path), base=path.resolve().parent)


def read_yaml(path: Path) -> str:
    """The text of a configuration file.

    Raises:
        ConfigError: the file is missing or no UTF-8 text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as err:
        raise ConfigError(
            f"{path}: no such file; `emotion init DATA` writes a configuration for your data"
        ) from err
    except (OSError, UnicodeDecodeError) as err:
        raise ConfigError(f"{path}: cannot be read as UTF-8 text ({err})") from err


def parse_yaml(text: str, *, source: str = "configuration", base: Path | None = None) -> PipelineConfig:
    """Checks a configuration given as YAML text; otherwise as `parse_config`."""
    try:
        document = load_yaml(text)
    except yaml.YAMLError as err:
        raise ConfigError(f"{source}: not valid YAML: {_yaml_problem(err)}") from err
    if not isinstance(document, dict):
        raise ConfigError(
            f"{source}: expected keys and values such as `name: …` and `example_gen: …` at the top; "
            "`emotion init DATA` writes a configuration for your data"
        )
    return parse_config(document, source=source, base=base)


def _yaml_problem(err: yaml.YAMLError) -> str:
    """What is wrong, and where."""
    if isinstance(err, yaml.MarkedYAMLError) and err.problem_mark is not None:
        return f"line {err.problem_mark.line + 1}, column {err.problem_mark.column + 1}: {err.problem}"
    return " ".join(str(err).split())


def parse_config(
    document: dict[str, Any], *, source: str = "configuration", base: Path | None = None
) -> PipelineConfig:
    """Checks a configuration given as plain values.

    Args:
        document: as a YAML file would give it.
        source: what error messages call it.
        base: directory from which relative input paths are taken; the working directory if None.

    Raises:
        ConfigError: a key is unknown, missing or out of range.
    """
    try:
        return PipelineConfig.model_validate(_expand(document, source), context={"base": base})
    except ValidationError as err:
        problems = [_describe(problem) for problem in err.errors(include_url=False)]
        more = f"; and {len(problems) - _PROBLEMS_TOLD} more" if len(problems) > _PROBLEMS_TOLD else ""
        raise ConfigError(f"{source}: {'; '.join(problems[:_PROBLEMS_TOLD])}{more}") from err


def _describe(problem: Any) -> str:
    """One pydantic problem in a sentence; an unknown key with the nearest valid one."""
    where = ".".join(part for part in map(str, problem["loc"]) if not _ALTERNATIVE.fullmatch(part))
    match problem["type"]:
        case "extra_forbidden":
            known = _keys_at(problem["loc"][:-1])
            near = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1)
            remedy = f"did you mean `{near[0]}`?" if near else f"it takes {', '.join(known)}"
            return f"unknown key `{where}`; {remedy}"
        case "missing":
            return f"`{where}` is missing; add it"
        case "value_error":
            prefix = f"`{where}`: " if where else ""
            return f"{prefix}{problem['ctx']['error']}"
        case _ if problem["input"] is None:
            return f"`{where}` is empty; fill it in, or remove it"
        case "string_type" if isinstance(problem["input"], bool | int | float | date):
            given = problem["input"]
            reason = (
                ", as YAML reads yes, no, on and off as true and false" if isinstance(given, bool) else ""
            )
            return f"`{where}` is {given!r}: expected text; put it in quotes{reason}"
        case _:
            return f"`{where}` is {problem['input']!r}: {problem['msg'][:1].lower()}{problem['msg'][1:]}"


def _keys_at(location: tuple[int | str, ...]) -> list[str]:
    """Names of the valid keys of the section at `location`."""
    kind: Any = PipelineConfig
    for part in location:
        field = (
            kind.model_fields.get(str(part))
            if isinstance(kind, type) and issubclass(kind, BaseModel)
            else None
        )
        if field is None:
            continue
        kind = _section_type(field.annotation)
    return list(kind.model_fields) if isinstance(kind, type) and issubclass(kind, BaseModel) else []


def _section_type(annotation: Any) -> Any:
    """The configuration type inside `X | None`, `tuple[X, ...]` or `X` itself."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    parts = getattr(annotation, "__args__", ())
    return next((found for found in map(_section_type, parts) if found is not None), None)


VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")


def _expand(value: Any, source: str) -> Any:
    if isinstance(value, dict):
        return {key: _expand(item, source) for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(item, source) for item in value]
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        found = os.environ.get(match["name"]) or match["default"]
        if found is None:
            name = match["name"]
            raise ConfigError(
                f"{source}: environment variable {name} is not set; set it or write ${{{name}:-default}}"
            )
        return found

    return VARIABLE.sub(replace, value)
