"""Heads: which columns of the scores belong together, and how they become decisions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Head", "columns", "decide", "units"]

_TASKS = ("multi_label", "single_label", "ordinal", "regression")


@dataclass(frozen=True)
class Head:
    """Neighbouring columns of the scores that belong together.

    Attributes:
        name: unique in the model.
        task: `multi_label` (each label applies or not), `single_label` and `ordinal` (one of the labels applies),
            `regression` (a number an output).
        outputs: names of its columns, in the order of the scores.
        mean: of each regression target in the training data, in its own unit; empty for other tasks.
        std: standard deviation, likewise.

    Raises:
        ValueError: the task is unknown, there are no outputs, or a regression target lacks mean or deviation.
    """

    name: str
    task: str
    outputs: tuple[str, ...]
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.task not in _TASKS:
            raise ValueError(
                f"head {self.name!r}: unknown task {self.task!r}; expected one of {list(_TASKS)}"
            )
        described = len(self.outputs) if self.is_regression else 0
        if not self.outputs or len(self.mean) != described or len(self.std) != described:
            raise ValueError(
                f"head {self.name!r} ({self.task}) has {len(self.outputs)} outputs, {len(self.mean)} means and "
                f"{len(self.std)} deviations; expected outputs, and one of each by output of a regression head alone"
            )

    @property
    def is_regression(self) -> bool:
        """Whether the scores are numbers and no probabilities."""
        return self.task == "regression"


def columns(heads: Sequence[Head]) -> Iterator[tuple[Head, slice]]:
    """Each head with its columns of the scores."""
    start = 0
    for head in heads:
        yield head, slice(start, start := start + len(head.outputs))


def decide(
    heads: Sequence[Head], scores: npt.NDArray[np.float32], thresholds: Sequence[float]
) -> npt.NDArray[np.bool_]:
    """What applies to each text: bool [rows, outputs].

    Labels of a multi-label head whose scores reach their thresholds; the likeliest label of a single-label or ordinal
    head, the first of equals; no regression target.

    Args:
        heads: of the model.
        scores: float32 [rows, outputs].
        thresholds: probability 0-1 by column.
    """
    decided = scores >= np.asarray(thresholds, np.float32)
    for head, own in columns(heads):
        if head.is_regression:
            decided[:, own] = False
        elif head.task != "multi_label":
            decided[:, own] = scores[:, own].argmax(axis=1)[:, np.newaxis] == np.arange(len(head.outputs))
    return decided


def units(heads: Sequence[Head]) -> npt.NDArray[np.float32]:
    """By column, what a difference of scores is measured in: 1 for a probability, the target's deviation for a number.

    Returns:
        float32 [outputs].
    """
    return np.concatenate(
        [head.std if head.is_regression else np.ones(len(head.outputs)) for head in heads]
    ).astype(np.float32)
