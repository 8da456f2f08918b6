"""Writes the reference pages from what the code says of itself: settings from their types, commands from their options.

MkDocs calls `on_files` (https://www.mkdocs.org/user-guide/configuration/#hooks); nothing is written to disk.
"""

import inspect
import json
import re
import types
from collections.abc import Iterator
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from pipeline.cli import app
from pipeline.config import PipelineConfig

_REPOSITORY_LINK = re.compile(r"\]\(\.\./(?P<path>[^)]+)\)")
"""A link out of the pages to a file of the repository: right where the page is read as a file, dead on the site."""

_EVERYWHERE = frozenset({"help", "install_completion", "show_completion"})


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the generated pages."""
    for path, content in (
        ("reference/configuration.md", configuration_page()),
        ("reference/commands.md", commands_page()),
    ):
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Names files of the repository instead of linking to what the site does not hold."""
    return _REPOSITORY_LINK.sub(lambda found: f'](#){{title="{found["path"]}"}}', markdown)


def configuration_page() -> str:
    """Every setting: key, type, range, default and meaning."""
    lines = [
        "# Configuration",
        "",
        (
            "One YAML file, one section a stage. `${NAME}` and `${NAME:-default}` in any text are environment "
            "variables; relative input paths are taken from the file's directory. An unknown key is an error that "
            "names the nearest valid one. `emotion init DATA` writes a file with the settings that matter first."
        ),
        "",
    ]
    sections = {name: _model_in(field.annotation) for name, field in PipelineConfig.model_fields.items()}
    lines += ["## The run", ""]
    for name, field in PipelineConfig.model_fields.items():
        if sections[name] is None:
            lines += [*_setting(name, field), ""]
    told = {section: name for name, section in sections.items() if section is not None}
    for name, section in sections.items():
        if section is not None:
            meaning = PipelineConfig.model_fields[name].description or inspect.getdoc(section) or ""
            lines += [f"## {name}", "", _paragraph(meaning), ""]
            lines += _section(name, section, told, depth=3)
    return "\n".join(lines) + "\n"


def _section(
    path: str, section: type[BaseModel], told: dict[type[BaseModel], str], depth: int
) -> Iterator[str]:
    """The settings of a section, then its own sections; one that was told under another path is named alone."""
    nested = {}
    for name, field in section.model_fields.items():
        yield from _setting(f"{path}.{name}", field)
        yield ""
        if (inner := _model_in(field.annotation)) is not None:
            nested[name] = inner
            told.setdefault(inner, f"{path}.{name}")
    for name, inner in nested.items():
        yield f"{'#' * min(depth, 6)} {path}.{name}"
        yield ""
        if told[inner] != f"{path}.{name}":
            yield f"As `{told[inner]}`."
            yield ""
            continue
        yield _paragraph(inspect.getdoc(inner) or "")
        yield ""
        yield from _section(f"{path}.{name}", inner, told, depth + 1)


def _setting(path: str, field: FieldInfo) -> Iterator[str]:
    """A definition: the key, then type and default, then what its docstring says."""
    required = field.default is PydanticUndefined and field.default_factory is None
    default = "required" if required else f"default {_code(_default(field))}"
    limits = "".join(f", {limit}" for limit in _limits(field))
    yield f"`{path}`"
    yield f":   *{_type_name(field.annotation)}{limits}, {default}*"
    if field.description:
        yield ""
        yield f"    {_paragraph(field.description)}"


def _default(field: FieldInfo) -> Any:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_defaults=True)
    return value


def _code(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return f"`{text}`" if len(text) <= 80 else f"`{text[:76]} …`"


def _limits(field: FieldInfo) -> Iterator[str]:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    for constraint in field.metadata:
        for name, sign in signs.items():
            if (limit := getattr(constraint, name, None)) is not None:
                yield f"{sign} {limit}"


def _type_name(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " \\| ".join(f"`{argument}`" for argument in arguments)
    if origin in (Union, types.UnionType):
        return " \\| ".join("none" if part is type(None) else _type_name(part) for part in arguments)
    if hasattr(annotation, "__metadata__"):
        return _type_name(arguments[0])
    if origin is not None:
        inner = [_type_name(part) for part in arguments if part is not Ellipsis]
        kind = "map" if origin not in (tuple, list, set, frozenset) else "list"
        return f"{kind} of {' to '.join(inner)}" if inner else kind
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " \\| ".join(f"`{member.value}`" for member in annotation)
    return {"str": "text", "int": "integer", "float": "number", "bool": "true or false"}.get(
        getattr(annotation, "__name__", ""), getattr(annotation, "__name__", str(annotation))
    )


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The section inside `X | None`, `tuple[X, ...]` or `X` itself."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for found in map(_model_in, get_args(annotation)) if found is not None), None)


def commands_page() -> str:
    """Every command of `emotion` with its arguments and options."""
    lines = ["# Commands", ""]
    group = typer.main.get_command(app)
    for name, command in _commands(group).items():
        if not command.hidden:
            lines += _command(f"emotion {name}", command)
    return "\n".join(lines) + "\n"


def _commands(group: Any) -> dict[str, Any]:
    """The commands of a group; empty for a command. Typer may bring a Click of its own, hence no isinstance."""
    return getattr(group, "commands", {})


def _command(name: str, command: Any) -> Iterator[str]:
    context = command.make_context(name, [], resilient_parsing=True)
    yield f"## {name}"
    yield ""
    yield _paragraph(command.help or "")
    yield ""
    if inner := _commands(command):
        for own, one in inner.items():
            yield from _command(f"{name} {own}", one)
        return
    yield f"    {' '.join(command.get_usage(context).removeprefix('Usage: ').split())}"
    yield ""
    for parameter in command.params:
        if parameter.name in _EVERYWHERE or (record := parameter.get_help_record(context)) is None:
            continue
        spelled, meaning = record
        yield f"`{spelled}`"
        yield f":   {_paragraph(meaning) or 'No help.'}"
        yield ""


def _paragraph(text: str) -> str:
    return " ".join(text.split())
