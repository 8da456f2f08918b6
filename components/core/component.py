"""`@component`: a plain function whose annotations say what it reads, what it writes and how it is configured."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

from components.core.artifacts import Artifact
from components.core.config import Config
from components.core.errors import GraphError
from components.core.progress import Progress

__all__ = ["Component", "ComponentSpec", "Lineage", "Output", "Scratch", "Summary", "component"]

Summary: TypeAlias = Mapping[str, str | int | float | bool | None]
"""What a stage tells the person who runs it: a few named values, recorded with the execution."""

T = TypeVar("T", bound=Artifact)


class _OutputMarker:
    """Marks an artifact parameter as written by the component."""


Output: TypeAlias = Annotated[T, _OutputMarker()]
"""`model: Output[Model]`: the component writes this artifact into a fresh directory that it is given."""


@dataclass(frozen=True)
class Scratch:
    """A directory in which a stage keeps its own unfinished work.

    It survives a failed or killed execution and is given to the next one with the same cache key: with the same data,
    settings and code. A completed stage loses it.
    """

    path: Path


@dataclass(frozen=True)
class Lineage:
    """Where an execution belongs, for a stage that writes it into what leaves the pipeline. No part of its cache key.

    Attributes:
        pipeline: name.
        run_id: the run that executes the stage: a number, or the name that an orchestrator gives it.
        inputs: SHA-256 (hex) of the content of every input, by parameter name.
    """

    pipeline: str
    run_id: int | str
    inputs: Mapping[str, str]


@dataclass(frozen=True)
class ComponentSpec:
    """What a component's annotations say.

    Attributes:
        name: the stage's name, as in the configuration (`example_gen`).
        version: raised by its author when the output changes though the code that is hashed does not.
        config: type of the `config` parameter.
        inputs: artifact type by parameter name.
        optional: names of those inputs that may be None.
        outputs: artifact type by parameter name.
        reports_progress: whether the function takes a `progress` parameter.
        keeps_scratch: whether the function takes a `scratch` parameter.
        tells_lineage: whether the function takes a `lineage` parameter.
    """

    name: str
    version: str
    config: type[Config]
    inputs: Mapping[str, type[Artifact]]
    optional: frozenset[str]
    outputs: Mapping[str, type[Artifact]]
    reports_progress: bool
    keeps_scratch: bool
    tells_lineage: bool = False


class Component:
    """A stage function together with its spec; calling it calls the function."""

    def __init__(self, function: Callable[..., Summary], spec: ComponentSpec) -> None:
        self.function = function
        self.spec = spec
        functools.update_wrapper(self, function)

    def __call__(self, **arguments: Any) -> Summary:
        return self.function(**arguments)

    def __reduce__(self) -> str:
        """Is pickled as a function is: by the name under which its module has it."""
        return self.function.__qualname__

    def __repr__(self) -> str:
        return f"<component {self.spec.name}>"


def component(*, version: str = "1") -> Callable[[Callable[..., Summary]], Component]:
    """Reads the decorated function's annotations into a `ComponentSpec`.

    The function takes keyword arguments only: `config` (a `Config`), any number of artifacts (inputs; `X | None` if
    optional), any number of `Output[X]` (outputs), and, if it wants, `progress` (a `Progress`), `scratch` (a
    `Scratch | None`, None where nobody would come back to it) and `lineage` (a `Lineage | None`, None outside a run).

    Raises:
        GraphError: a parameter is none of these.
    """

    def decorate(function: Callable[..., Summary]) -> Component:
        return Component(function, _read_spec(function, version))

    return decorate


def _read_spec(function: Callable[..., Summary], version: str) -> ComponentSpec:
    config: type[Config] | None = None
    inputs: dict[str, type[Artifact]] = {}
    outputs: dict[str, type[Artifact]] = {}
    optional: set[str] = set()
    reports_progress = keeps_scratch = tells_lineage = False
    hints = get_type_hints(function, include_extras=True)
    for name in inspect.signature(function).parameters:
        hint = hints[name]
        kind, is_output, is_optional = _unwrap(hint)
        if kind is Progress:
            reports_progress = True
        elif kind is Scratch:
            keeps_scratch = True
        elif kind is Lineage:
            tells_lineage = True
        elif isinstance(kind, type) and issubclass(kind, Config):
            config = kind
        elif isinstance(kind, type) and issubclass(kind, Artifact):
            (outputs if is_output else inputs)[name] = kind
            if is_optional:
                optional.add(name)
        else:
            raise GraphError(
                f"component {function.__name__}: parameter {name!r} is a {hint!r}; expected a Config, an Artifact, "
                "an Output[Artifact], a Progress, a Scratch or a Lineage"
            )
    if config is None or not outputs:
        raise GraphError(
            f"component {function.__name__} needs a `config` parameter and at least one Output[...]"
        )
    return ComponentSpec(
        function.__name__,
        version,
        config,
        inputs,
        frozenset(optional),
        outputs,
        reports_progress,
        keeps_scratch,
        tells_lineage,
    )


def _unwrap(hint: Any) -> tuple[Any, bool, bool]:
    """Returns the bare type, whether it is an output, and whether it may be None."""
    if get_origin(hint) is Annotated:
        kind, *marks = get_args(hint)
        return kind, any(isinstance(mark, _OutputMarker) for mark in marks), False
    parts = get_args(hint)
    if type(None) in parts:
        return next(part for part in parts if part is not type(None)), False, True
    return hint, False, False
