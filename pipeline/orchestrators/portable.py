"""A configuration that means the same on any machine, and what of it a run can still choose."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.core.errors import ConfigError
from pipeline.config import VARIABLE, PipelineConfig, parse_yaml, read_yaml
from pipeline.yaml_documents import load_yaml

__all__ = ["PortableConfig", "read_portable"]

_HERE, _THERE = Path("/here"), Path("/there")


@dataclass(frozen=True)
class PortableConfig:
    """A configuration whose text goes to other machines as it is.

    Attributes:
        text: one line of JSON, which is YAML, too; its variables are not replaced.
        config: what it says on this machine.
        variables: the environment variables that it names, with their defaults; None if one must be given.
    """

    text: str
    config: PipelineConfig
    variables: Mapping[str, str | None]


def read_portable(path: Path) -> PortableConfig:
    """Reads a configuration that is to run elsewhere.

    Raises:
        ConfigError: it is wrong, or it names a file relative to itself, which other machines do not have.
    """
    text = read_yaml(path)
    here, there = (parse_yaml(text, source=str(path), base=base) for base in (_HERE, _THERE))
    relative = [key for key, _ in _differences(here.model_dump(), there.model_dump())]
    if relative:
        raise ConfigError(
            f"{path}: {', '.join(relative)}: a path relative to this file means nothing in a container; give a URI "
            "(gs://, s3://) or an absolute path that is in the image or mounted"
        )
    destination = here.pusher.destination
    if "://" not in destination and not Path(destination).is_absolute():
        raise ConfigError(
            f"{path}: pusher.destination is {destination!r}: what is pushed into a container's working directory is "
            "lost with it; give a URI (gs://, s3://) or an absolute path that is mounted"
        )
    # kfp writes a parameter's default into a comment, which ends where the default has a line break.
    line = json.dumps(load_yaml(text), ensure_ascii=False, default=str)
    return PortableConfig(line, parse_yaml(text, source=str(path)), _variables(line))


def _variables(text: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for match in VARIABLE.finditer(text):
        default = match["default"] if match["default"] is not None else found.get(match["name"])
        found[match["name"]] = default
    return found


def _differences(one: Any, other: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """The dotted keys at which two documents of the same shape differ."""
    if isinstance(one, dict):
        for name in one:
            yield from _differences(one[name], other[name], f"{key}.{name}".lstrip("."))
    elif isinstance(one, (list, tuple)):
        for number, (mine, theirs) in enumerate(zip(one, other, strict=True)):
            yield from _differences(mine, theirs, f"{key}[{number}]")
    elif one != other:
        yield key, one
