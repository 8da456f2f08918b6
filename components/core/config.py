"""The base of every stage's configuration."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, PlainSerializer, SerializationInfo, ValidationInfo

from components.core.errors import UserError
from components.core.filesystem import exists, is_remote, local_path, matching_paths

__all__ = [
    "FROM_ENVIRONMENT",
    "Config",
    "ExternalInput",
    "InputPath",
    "NameOrPath",
    "OutputPath",
    "Problem",
    "SecretPath",
    "absent",
    "is_path",
    "resolve_input",
]

FROM_ENVIRONMENT = "env:"
"""What stands before the name of an environment variable in place of a path."""

_FIND, _LEAVE_OUT = "find", "leave out"
"""What `places` in the context of a dump asks for."""


@dataclass(frozen=True)
class ExternalInput:
    """A file, glob pattern or directory outside the pipeline that a stage reads.

    Attributes:
        setting: what names it, by its keys in the stage's section, joined by dots: `distillation.teachers.0`.
        path: where it is.
        name: what tells it from others of the same setting, such as a file's name; part of the cache key.
    """

    setting: str
    path: str
    name: str = ""


@dataclass(frozen=True)
class Problem:
    """Why a stage could not run, known before any stage runs: the setting, what is wrong, and what to do."""

    setting: str
    message: str


class Config(BaseModel):
    """Immutable settings of one stage; an unknown key is an error, a field's docstring says unit, range and reason."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True
    )

    def external_inputs(self) -> tuple[ExternalInput, ...]:
        """Files and directories outside the pipeline that the stage reads: their content is part of its cache key.

        By default all that settings of type `InputPath` or `NameOrPath` name, here and in the sections below.
        """
        sections = self._sections()
        own = self.model_dump(exclude=set(sections), context={"places": _FIND})
        below = (
            replace(found, setting=f"{name}.{found.setting}")
            for name, section in sections.items()
            for found in section.external_inputs()
        )
        return (*(ExternalInput(setting, path) for setting, path in _places(own)), *below)

    def external_versions(self) -> Mapping[str, str]:
        """Version by name of what the stage reads that is no file, such as a table: part of its cache key, too."""
        return {}

    def problems(self) -> Iterator[Problem]:
        """What would keep the stage from running, as far as that can be known before the stages before it have run.

        By default external inputs that are not there, and the problems of the sections below.
        """
        sections = self._sections()
        yield from absent(
            found for found in self.external_inputs() if found.setting.partition(".")[0] not in sections
        )
        for name, section in sections.items():
            for problem in section.problems():
                yield replace(problem, setting=f"{name}.{problem.setting}")

    def without_places(self) -> dict[str, Any]:
        """The settings as JSON values; null in place of paths of what is read: it is its content that counts."""
        return self.model_dump(mode="json", context={"places": _LEAVE_OUT})

    def _sections(self) -> dict[str, "Config"]:
        return {name: value for name, value in self if isinstance(value, Config)}


def absent(inputs: Iterable[ExternalInput]) -> Iterator[Problem]:
    """A problem for each of the inputs that is not there or may not be read."""
    for found in inputs:
        try:
            wrong = _why_unreadable(found.path)
        except UserError as err:
            wrong = str(err)
        if wrong:
            yield Problem(found.setting, wrong)


def _why_unreadable(path: str) -> str:
    if not exists(path) and not matching_paths(path):
        return f"{path}: no such file or directory; correct the path, or put there what it names"
    if not is_remote(path) and Path(path).exists() and not os.access(path, os.R_OK):
        return f"{path}: permission denied; check who may read it"
    return ""


class _Place(str):
    """A path in a dump, to be told from other texts."""

    __slots__ = ()


def _places(dumped: Any, setting: str = "") -> Iterator[tuple[str, str]]:
    """The places in a dump with the keys that lead there."""
    if isinstance(dumped, _Place):
        yield setting, str(dumped)
    elif isinstance(dumped, Mapping):
        for key, value in dumped.items():
            yield from _places(value, f"{setting}.{key}".lstrip("."))
    elif isinstance(dumped, (list, tuple)):
        for index, value in enumerate(dumped):
            yield from _places(value, f"{setting}.{index}")


def resolve_input(path: str, info: ValidationInfo) -> str:
    """Takes a relative path from the configuration file's directory, or from the working directory without one."""
    path = local_path(path)
    path = str(Path(path).expanduser()) if path.startswith("~") else path
    base = (info.context or {}).get("base")
    if base is None or is_remote(path) or Path(path).is_absolute():
        return path
    return str((Path(base) / path).resolve())


def is_path(name: str) -> bool:
    """Whether what may be a name means a local path: it holds a `/` or starts with `.` or `~`."""
    return not is_remote(name) and ("/" in name or name.startswith((".", "~")))


def _resolve_path(name: str, info: ValidationInfo) -> str:
    return resolve_input(name, info) if is_path(name) else name


def _dump_path(path: str, info: SerializationInfo) -> str | None:
    places = (info.context or {}).get("places")
    if places == _LEAVE_OUT:
        return None
    return _Place(path) if places == _FIND else path


def _dump_name_or_path(value: str, info: SerializationInfo) -> str | None:
    return _dump_path(value, info) if is_path(value) else value


def _dump_secret(value: str, info: SerializationInfo) -> str | None:
    return value if value.startswith(FROM_ENVIRONMENT) else _dump_path(value, info)


InputPath: TypeAlias = Annotated[str, AfterValidator(resolve_input), PlainSerializer(_dump_path)]
"""A file, glob pattern, directory or URI that a stage reads; relative to the configuration file."""

OutputPath: TypeAlias = Annotated[str, AfterValidator(local_path)]
"""A directory or URI that is written; a relative one from the working directory."""

NameOrPath: TypeAlias = Annotated[str, AfterValidator(_resolve_path), PlainSerializer(_dump_name_or_path)]
"""A name, or a path (`is_path`) of what a stage reads; a relative one from the configuration file."""

SecretPath: TypeAlias = Annotated[
    str, AfterValidator(lambda path: str(Path(path).expanduser())), PlainSerializer(_dump_secret)
]
"""A file with a secret, from the working directory, or `env:NAME` for a secret in an environment variable."""
