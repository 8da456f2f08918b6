"""What teachers say of the training texts, as targets."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from components.core.errors import ConfigError
from components.modeling.head_settings import Task
from components.modeling.heads import Head, columns

__all__ = ["columns_in", "require_shares", "soften"]

_MOST_MISSING = 0.01
"""More than what rounding takes from a sum of probabilities."""

_SMALLEST = 1e-7
"""Scores are float32: nearer to 0 or 1 than this they say nothing."""


def columns_in(
    teacher: str, outputs: Sequence[str], tasks: Mapping[str, Task], heads: Sequence[Head]
) -> list[int]:
    """The teacher's columns in the order of the student's outputs.

    Args:
        teacher: what an error message calls it.
        outputs: the teacher's, in order.
        tasks: by output of the teacher, where they are known.
        heads: of the student.

    Raises:
        ConfigError: it does not answer all the student's outputs, or they mean something else.
    """
    positions = {name: position for position, name in enumerate(outputs)}
    for head in heads:
        missing = [name for name in head.outputs if name not in positions]
        if missing:
            raise ConfigError(
                f"trainer.distillation: the teacher {teacher} does not answer {missing[0]!r} "
                f"({len(missing)} of the {len(head.outputs)} outputs of head {head.name!r} are missing; it answers "
                f"{', '.join(outputs[:5])}{', …' if len(outputs) > 5 else ''}); name a model that was trained for them"
            )
        strange = {tasks.get(name, head.task) for name in head.outputs} - {head.task}
        if strange:
            raise ConfigError(
                f"trainer.distillation: head {head.name!r} is {head.task}, for the teacher {teacher} its outputs are "
                f"{' and '.join(sorted(strange))}; name a teacher of the same task"
            )
    return [positions[name] for head in heads for name in head.outputs]


def require_shares(teacher: str, heads: Sequence[Head], scores: NDArray[np.float32]) -> None:
    """Checks that what a teacher says of labels of which one applies sums up to 1.

    Raises:
        ConfigError: it knows other labels beside them, or several may apply to it.
    """
    for head, own in zip(heads, columns(heads).values(), strict=True):
        if head.task not in ("single_label", "ordinal") or not len(scores):
            continue
        totals = scores[:, own].sum(axis=1)
        if np.abs(totals - 1).max() > _MOST_MISSING:
            raise ConfigError(
                f"trainer.distillation: of the labels of head {head.name!r} one applies, but the scores that the "
                f"teacher {teacher} gives them sum up to {totals[np.abs(totals - 1).argmax()]:.2f}; name a teacher of "
                "the same labels and task"
            )


def soften(heads: Sequence[Head], scores: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """The scores of logits that are divided by the temperature: float32 [rows, outputs], as `scores`.

    The logits are found again from the scores, which every exported model gives. Numbers of a regression head stay.
    """
    if temperature == 1:
        return scores
    parts = [
        _soften(head.task, scores[:, own].astype(np.float64), temperature)
        for head, own in zip(heads, columns(heads).values(), strict=True)
    ]
    return np.concatenate(parts, axis=1).astype(np.float32)


def _soften(task: Task, scores: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    if task == "regression":
        return scores
    if task == "single_label":
        powers: NDArray[np.float64] = np.maximum(scores, _SMALLEST) ** (1 / temperature)
        powers /= powers.sum(axis=1, keepdims=True)
        return powers
    if task == "ordinal":
        above = np.cumsum(scores[:, ::-1], axis=1)[:, ::-1][:, 1:]
        softer = _soften_probability(above, temperature)
        shares: NDArray[np.float64] = -np.diff(softer, axis=1, prepend=1.0, append=0.0)
        return shares
    return _soften_probability(scores, temperature)


def _soften_probability(scores: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    inside = np.clip(scores, _SMALLEST, 1 - _SMALLEST)
    logits = np.log(inside) - np.log1p(-inside)
    softer: NDArray[np.float64] = 1 / (1 + np.exp(-logits / temperature))
    return softer
