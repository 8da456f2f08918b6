"""Which settings are searched and where: `learning_rate: {log_uniform: [1e-5, 5e-4]}`.

A setting is named by its keys in the Trainer's section, joined by dots: `trainable.layer_decay`.
"""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ValidationError, model_validator

from components.core.config import Config

if TYPE_CHECKING:
    import optuna

__all__ = [
    "Range",
    "check_space",
    "decode_values",
    "encode_values",
    "grid",
    "suggest",
    "values_of",
    "with_values",
]

C = TypeVar("C", bound=Config)


def _read_number(value: Any) -> Any:
    """YAML 1.1 takes 1e-5, without a point, for text."""
    return float(value) if isinstance(value, str) and _EXPONENT.fullmatch(value) else value


_EXPONENT = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")


class Range(Config):
    """Where the values of one setting are taken from: exactly one of the kinds below."""

    uniform: tuple[float, float] | None = None
    """Any number from the lowest to the highest, both included."""

    log_uniform: tuple[float, float] | None = None
    """The same, with every factor as likely as any other: for what is compared by ratios, such as learning rates."""

    int_uniform: tuple[int, int] | None = None
    """Whole numbers, both ends included."""

    choice: tuple[Annotated[Any, BeforeValidator(_read_number)], ...] | None = None
    """One of these values; any that YAML can write, so that settings that belong together change together:
    `loss: {choice: [{name: focal, gamma: 1}, {name: cross_entropy}]}`."""

    when: Mapping[str, Any] | None = None
    """Searched only in trials in which other settings of the search have these values: `{loss.name: focal}`. They
    stand before it in the search space. None searches it in every trial."""

    @model_validator(mode="after")
    def _check(self) -> "Range":
        given = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(_KINDS)}; here: {', '.join(given) or 'none'}")
        if self.choice is not None:
            if len({_encode(value) for value in self.choice}) != len(self.choice) or not self.choice:
                raise ValueError("choice needs at least one value, and none of them twice")
            return self
        low, high = self.bounds
        if not low < high or (self.log_uniform is not None and low <= 0):
            above = " above 0" if self.log_uniform is not None else ""
            raise ValueError(f"{given[0]} is [{low:g}, {high:g}]; expected [lowest, highest]{above}")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest number of a range that is no choice."""
        bounds = self.uniform or self.log_uniform or self.int_uniform
        assert bounds is not None
        return bounds

    @property
    def is_logarithmic(self) -> bool:
        """Whether values are compared by their ratio."""
        return self.log_uniform is not None

    def corners(self) -> tuple[Any, ...]:
        """The values that show whether all are allowed: both ends, or every choice."""
        return self.choice if self.choice is not None else self.bounds

    def applies(self, values: Mapping[str, Any]) -> bool:
        """Whether it is searched in a trial in which the settings before it have these values."""
        return all(key in values and values[key] == value for key, value in (self.when or {}).items())


_KINDS = ("uniform", "log_uniform", "int_uniform", "choice")

_NOT_SEARCHED = {
    "encoder": "Transform's tokens are those of one encoder",
    "warm_start": "trials start from the encoder",
    "distillation.teachers": "name them in the section, and search distillation.weight or distillation.temperature",
    "ensemble": "trials train one network each",
    "tracking": "it changes nothing that is measured",
    "checkpoints": "it changes nothing that is measured",
}
"""Settings that trials cannot tell anything of, and why or what else to search."""


def check_space(space: Mapping[str, Range], config: Config) -> None:
    """Checks that every setting exists and takes every value that the search may give it.

    Args:
        space: ranges by dotted key.
        config: what the search starts from.

    Raises:
        ValueError: a key is unknown (the message names the nearest) or cannot be searched, or a value is not allowed.
    """
    keys = tuple(_dotted_keys(config))
    seen: list[str] = []
    for key, found in space.items():
        if key not in keys:
            near = difflib.get_close_matches(key, keys, n=1)
            remedy = f"did you mean `{near[0]}`?" if near else "it is no key of the trainer's section"
            raise ValueError(f"search_space: unknown key `{key}`; {remedy}")
        for fixed, reason in _NOT_SEARCHED.items():
            if _overlap(key, fixed):
                raise ValueError(f"search_space: `{key}` cannot be searched: {reason}")
        for other in seen:
            if _overlap(key, other):
                raise ValueError(f"search_space: `{key}` and `{other}` set the same thing; keep one")
        for other, value in (found.when or {}).items():
            if other not in seen or value not in space[other].corners():
                raise ValueError(
                    f"search_space.{key}.when: expected a setting above it and one of its choices, "
                    f"not `{other}: {value}`"
                )
        for value in found.corners():
            _check_value(config, key, value, found.when or {})
        seen.append(key)


def _overlap(key: str, other: str) -> bool:
    """Whether two keys are the same, or one is a section that holds the other."""
    return f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}.")


def _check_value(config: Config, key: str, value: Any, others: Mapping[str, Any]) -> None:
    try:
        with_values(config, {**others, key: value})
    except ValidationError as err:
        problem = err.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"]) or key
        raise ValueError(
            f"search_space.{key}: {value!r} is not allowed: `{where}`: {problem['msg']}"
        ) from err


def _dotted_keys(config: Config, prefix: str = "") -> Iterator[str]:
    """The keys of a section and of those in it, also of optional ones that are not given."""
    for name, field in type(config).model_fields.items():
        yield f"{prefix}{name}"
        value = getattr(config, name)
        if isinstance(value, Mapping):
            for key, item in value.items():
                if isinstance(item, Config):
                    yield from _dotted_keys(item, f"{prefix}{name}.{key}.")
        elif isinstance(value, Config):
            yield from _dotted_keys(value, f"{prefix}{name}.")
        else:
            for kind in getattr(field.annotation, "__args__", ()):
                if isinstance(kind, type) and issubclass(kind, BaseModel):
                    yield from (f"{prefix}{name}.{key}" for key in kind.model_fields)


def with_values(config: C, values: Mapping[str, Any]) -> C:
    """The configuration with values put in by dotted key.

    Raises:
        pydantic.ValidationError: together, they are not allowed.
    """
    document = config.model_dump()
    for key, value in values.items():
        *sections, last = key.split(".")
        section = document
        for name in sections:
            if not isinstance(section.get(name), dict):
                section[name] = {}
            section = section[name]
        section[last] = value
    return type(config).model_validate(document)


def values_of(space: Mapping[str, Range], config: Config) -> dict[str, Any] | None:
    """The configured values of what is searched, by key, as a trial has them; None if the search cannot give them."""
    document = config.model_dump(mode="json")
    values: dict[str, Any] = {}
    for key, found in space.items():
        if not found.applies(values):
            continue
        value: Any = document
        for name in key.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if found.choice is not None:
            equal = [choice for choice in found.choice if _is_same(config, key, choice)]
            if not equal:
                return None
            value = equal[0]
        elif value is None or not found.bounds[0] <= value <= found.bounds[1]:
            return None
        values[key] = value
    return values


def _is_same(config: Config, key: str, value: Any) -> bool:
    try:
        return with_values(config, {key: value}) == config
    except ValidationError:
        return False


def suggest(trial: "optuna.Trial", space: Mapping[str, Range]) -> dict[str, Any]:
    """The values that the sampler gives a trial, by key."""
    values: dict[str, Any] = {}
    for key, found in space.items():
        if not found.applies(values):
            continue
        if found.choice is not None:
            values[key] = _decode(found, trial.suggest_categorical(key, [_encode(v) for v in found.choice]))
        elif found.int_uniform is not None:
            values[key] = trial.suggest_int(key, *found.int_uniform)
        else:
            values[key] = trial.suggest_float(key, *found.bounds, log=found.is_logarithmic)
    return values


def encode_values(space: Mapping[str, Range], values: Mapping[str, Any]) -> dict[str, Any]:
    """A trial's values as the study keeps them."""
    return {key: _encode(value) if space[key].choice is not None else value for key, value in values.items()}


def decode_values(space: Mapping[str, Range], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What the study keeps of a trial, as values by key in the order of the space."""
    return {key: _decode(found, parameters[key]) for key, found in space.items() if key in parameters}


def _decode(found: Range, parameter: Any) -> Any:
    if found.choice is None:
        return parameter
    return next(value for value in found.choice if _encode(value) == parameter)


def grid(space: Mapping[str, Range]) -> dict[str, list[Any]]:
    """All values of every setting, as the study keeps them.

    Raises:
        ValueError: a range has no end of values, or depends on another.
    """
    found: dict[str, list[Any]] = {}
    for key, own in space.items():
        if own.when is not None:
            raise ValueError(f"sampler grid: `{key}` has `when`; a grid tries every combination, remove it")
        if own.choice is not None:
            found[key] = [_encode(value) for value in own.choice]
        elif own.int_uniform is not None:
            found[key] = list(range(own.int_uniform[0], own.int_uniform[1] + 1))
        else:
            raise ValueError(f"sampler grid: `{key}` has no end of values; give it as choice or int_uniform")
    return found


def _encode(value: Any) -> str | int | float | bool | None:
    """Optuna keeps plain values; lists and mappings as JSON."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return json.dumps(value, sort_keys=True)
