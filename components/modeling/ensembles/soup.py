"""The mean of several networks' weights."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Soup", "Weights", "greedy_soup", "uniform_soup"]

Weights: TypeAlias = Sequence[NDArray[Any]]
"""Of one network, variable by variable."""


@dataclass(frozen=True)
class Soup:
    """A mean of weights.

    Attributes:
        weights: of the network.
        members: positions of the members that are in it, in the order in which they came in.
    """

    weights: Weights
    members: tuple[int, ...]


def uniform_soup(members: Sequence[Weights]) -> Soup:
    """The mean of all."""
    return Soup(_mean(members), tuple(range(len(members))))


def greedy_soup(
    members: Sequence[Weights], metrics: Sequence[float], measure: Callable[[Weights], float]
) -> Soup:
    """Starts from the best member and keeps every other, the better first, that makes the metric no worse.

    Args:
        members: trained from the same start.
        metrics: of each member, higher is better.
        measure: the same metric of any weights.
    """
    ranked = sorted(range(len(members)), key=lambda position: -metrics[position])
    chosen, best = [ranked[0]], metrics[ranked[0]]
    for candidate in ranked[1:]:
        metric = measure(_mean([members[position] for position in (*chosen, candidate)]))
        if metric >= best:
            chosen.append(candidate)
            best = metric
    return Soup(_mean([members[position] for position in chosen]), tuple(chosen))


def _mean(members: Sequence[Weights]) -> Weights:
    return [
        np.mean(np.stack(values).astype(np.float64), axis=0).astype(values[0].dtype)
        for values in zip(*members, strict=True)
    ]
