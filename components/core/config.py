"""The base of every stage's configuration."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo

from components.core.filesystem import is_remote

__all__ = ["Config", "InputPath", "resolve_input"]


class Config(BaseModel):
    """Immutable settings of one stage; an unknown key is an error, a field's docstring says unit, range and reason."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True
    )

    def external_inputs(self) -> tuple[str, ...]:
        """Files and directories outside the pipeline that the stage reads: their content is part of its cache key."""
        return ()

    def external_versions(self) -> Mapping[str, str]:
        """Version by name of what the stage reads that is no file, such as a table: part of its cache key, too."""
        return {}


def resolve_input(path: str, info: ValidationInfo) -> str:
    """Takes a relative path from the configuration file's directory, or from the working directory without one."""
    path = str(Path(path).expanduser()) if path.startswith("~") else path
    base = (info.context or {}).get("base")
    if base is None or is_remote(path) or Path(path).is_absolute():
        return path
    return str((Path(base) / path).resolve())


InputPath: TypeAlias = Annotated[str, AfterValidator(resolve_input)]
"""A file, glob pattern, directory or URI that a stage reads; relative to the configuration file."""
