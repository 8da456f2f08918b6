"""Heads: which outputs a model has, what they mean, and how an answer becomes a decision.

A model answers one row of scores a text. Its columns, the outputs, belong to heads, in order: each head has a task.
"""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from components.core.errors import ConfigError, DataError
from components.modeling.head_settings import DEFAULT_HEAD, HeadName, HeadSettings, Task

__all__ = [
    "Head",
    "arrange_targets",
    "columns",
    "decide",
    "initial_logits",
    "known_rows",
    "logit_columns",
    "make_heads",
    "output_names",
    "with_scale",
]

_PSEUDO_COUNT = 1.0
_LEAST_GAP = 1e-3


class Head(BaseModel):
    """A head of a trained model.

    Attributes:
        name: unique in the model.
        task: what its outputs mean.
        outputs: names; of labels, or of the columns that hold numbers. Those of an ordinal head are ascending.
        mean: by output of a regression head, in the data's unit; the network computes (value - mean) / std.
        std: likewise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: HeadName = DEFAULT_HEAD
    task: Task = "multi_label"
    outputs: tuple[str, ...] = Field(min_length=1)
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @property
    def logits(self) -> int:
        """Logits that the network computes for it: P(above k) for each but the last output of an ordinal head."""
        return len(self.outputs) - (self.task == "ordinal")


def make_heads(
    task: Task, settings: Mapping[str, HeadSettings], *, labels: Sequence[str], targets: Sequence[str]
) -> tuple[Head, ...]:
    """The heads of a training.

    Args:
        task: of the one head that there is without `settings`; it takes all labels, or all targets if it is regression.
        settings: heads by name; empty for one head.
        labels: label names of the data.
        targets: names of the data's numeric columns.

    Raises:
        ConfigError: the data lack what a head needs, or an output belongs to two heads.
    """
    if not settings:
        names = targets if task == "regression" else labels
        if not names:
            raise ConfigError(
                "trainer.task is regression, but the data have no numbers; name their columns in "
                "example_gen.columns.targets"
                if task == "regression"
                else f"trainer.task is {task}, but the data have no labels; for numbers set it to regression"
            )
        return (_checked(Head(task=task, outputs=tuple(names))),)
    heads = []
    owners: dict[str, str] = {}
    for name, setting in settings.items():
        available = targets if setting.task == "regression" else labels
        outputs = _matching(name, setting.outputs, available)
        for output in outputs:
            if (owner := owners.setdefault(output, name)) != name:
                raise ConfigError(f"trainer.heads: {output!r} belongs to both {owner!r} and {name!r}")
        heads.append(_checked(Head(name=name, task=setting.task, outputs=outputs)))
    return tuple(heads)


def _matching(head: str, patterns: Sequence[str], available: Sequence[str]) -> tuple[str, ...]:
    """The available names that the patterns mean: in the order of the patterns, then of the data."""
    found: dict[str, None] = {}
    for pattern in patterns:
        names = [name for name in available if name == pattern or fnmatchcase(name, pattern)]
        if not names:
            raise ConfigError(
                f"trainer.heads.{head}.outputs: nothing is called {pattern!r}; there are "
                f"{', '.join(available) or 'none'}"
            )
        found.update(dict.fromkeys(names))
    return tuple(found)


def _checked(head: Head) -> Head:
    if head.task in ("single_label", "ordinal") and len(head.outputs) < 2:
        raise ConfigError(
            f"head {head.name!r} is {head.task} and has only {head.outputs[0]!r}; one of at least two labels must be "
            "possible, or use multi_label"
        )
    return head


def output_names(heads: Iterable[Head]) -> tuple[str, ...]:
    """The names of all outputs, in order."""
    return tuple(name for head in heads for name in head.outputs)


def columns(heads: Iterable[Head]) -> dict[str, slice]:
    """By head name, its columns among the outputs."""
    return _slices((head.name, len(head.outputs)) for head in heads)


def logit_columns(heads: Iterable[Head]) -> dict[str, slice]:
    """By head name, its columns among the network's logits."""
    return _slices((head.name, head.logits) for head in heads)


def _slices(widths: Iterable[tuple[str, int]]) -> dict[str, slice]:
    slices, start = {}, 0
    for name, width in widths:
        slices[name] = slice(start, start + width)
        start += width
    return slices


def arrange_targets(
    heads: Sequence[Head],
    labels: Mapping[str, int],
    marks: NDArray[Any],
    numbers: Mapping[str, NDArray[np.float32]],
) -> NDArray[np.float32]:
    """What is known of every row, in the order of the model's outputs.

    Args:
        heads: of the model.
        labels: column in `marks` by label name.
        marks: [rows, labels], 1 = the row has the label.
        numbers: by target name, float32 [rows], NaN = unknown.

    Returns:
        float32 [rows, outputs]: 0 or 1 for labels; NaN where nothing is known, which is a missing number, or a row
        without a label of a single-label or ordinal head.

    Raises:
        DataError: a row has two labels of a single-label or ordinal head, or an output is not in the data.
    """
    missing = [name for name in output_names(heads) if name not in labels and name not in numbers]
    if missing:
        raise DataError(
            f"the model answers {missing[0]!r}, which the data do not have; use the data it was trained for"
        )
    return np.concatenate([_head_targets(head, labels, marks, numbers) for head in heads], axis=1)


def _head_targets(
    head: Head,
    labels: Mapping[str, int],
    marks: NDArray[Any],
    numbers: Mapping[str, NDArray[np.float32]],
) -> NDArray[np.float32]:
    if head.task == "regression":
        return np.stack([numbers[name] for name in head.outputs], axis=1).astype(np.float32)
    own = marks[:, [labels[name] for name in head.outputs]].astype(np.float32)
    if head.task == "multi_label":
        return own
    counts = own.sum(axis=1)
    if (several := np.flatnonzero(counts > 1)).size:
        raise DataError(
            f"{several.size} rows have more than one label of head {head.name!r}, which is {head.task} (the first is "
            f"row {several[0]}); make it multi_label, or give every row one label"
        )
    own[counts == 0] = np.nan
    return own


def known_rows(targets: NDArray[np.float32], own: slice) -> NDArray[np.bool_]:
    """bool [rows]: all of a head's columns are known."""
    unknown: NDArray[np.bool_] = np.isnan(targets[:, own])
    return np.logical_not(unknown.any(axis=1))


def with_scale(heads: Sequence[Head], targets: NDArray[np.float32]) -> tuple[Head, ...]:
    """The heads with mean and standard deviation of regression targets, from those of training (NaN = unknown).

    Raises:
        DataError: a head has no row of which all is known.
    """
    scaled = []
    for head, own in zip(heads, columns(heads).values(), strict=True):
        values = targets[known_rows(targets, own), own].astype(np.float64)
        if not len(values):
            raise DataError(f"no row of the split 'train' is labelled for head {head.name!r}; leave it out")
        if head.task == "regression":
            std = values.std(axis=0)
            update = {
                "mean": tuple(values.mean(axis=0).tolist()),
                "std": tuple(np.where(std > 0, std, 1.0).tolist()),
            }
            head = head.model_copy(update=update)
        scaled.append(head)
    return tuple(scaled)


def initial_logits(
    heads: Sequence[Head], targets: NDArray[np.float32], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The logits of the weighted frequencies, float32 [logits]: where an untrained network should start.

    Without them the first hundred steps only teach that most labels are rare.
    """
    parts = []
    for head, own in zip(heads, columns(heads).values(), strict=True):
        known = known_rows(targets, own)
        values, importance = targets[known, own].astype(np.float64), weights[known].astype(np.float64)
        parts.append(_head_logits(head.task, values, importance / importance.mean()))
    return np.concatenate(parts).astype(np.float32)


def _head_logits(
    task: Task, values: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    positives = weights @ values + _PSEUDO_COUNT
    logits: NDArray[np.float64] = np.zeros(values.shape[1])
    if task == "single_label":
        logits = np.log(positives / positives.sum())
    elif task == "ordinal":
        above = np.cumsum(positives[::-1])[::-1][1:]
        logits = np.log(above) - np.log(positives.sum() - above)
        # Strictly descending, as what computes them can do no other.
        logits = logits - _LEAST_GAP * np.arange(len(logits))
    elif task == "multi_label":
        logits = np.log(positives) - np.log(weights.sum() + 2 * _PSEUDO_COUNT - positives)
    return logits


def decide(
    heads: Sequence[Head], scores: NDArray[np.float32], thresholds: Sequence[float]
) -> NDArray[np.bool_]:
    """What the model says of each text: bool [rows, outputs].

    A label of a multi-label head applies where its score reaches its threshold; of a single-label or ordinal head the
    most probable one does, the first of equals; regression decides nothing.

    Args:
        heads: of the model.
        scores: float32 [rows, outputs].
        thresholds: by output.
    """
    decisions = scores >= np.asarray(thresholds, np.float32)
    for head, own in zip(heads, columns(heads).values(), strict=True):
        if head.task == "regression":
            decisions[:, own] = False
        elif head.task != "multi_label":
            best = scores[:, own].argmax(axis=1)
            decisions[:, own] = best[:, np.newaxis] == np.arange(len(head.outputs))
    return decisions
