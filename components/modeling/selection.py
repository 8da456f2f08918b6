"""Active learning: which unlabelled texts would teach a model most, if a person labelled them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from components.core.errors import ConfigError
from components.modeling.heads import Head, columns

__all__ = ["Chosen", "Strategy", "certainty", "farthest_first", "select", "uncertainty"]

Strategy: TypeAlias = Literal["margin", "entropy", "diversity", "mixed"]
"""`margin`: where a decision is nearly a draw. `entropy`: where the scores are spread widest. `diversity`: texts that
are unlike each other and what is labelled. `mixed`: the most diverse of those with the smallest margin."""

_SMALLEST = 1e-6
_POOL = 10
"""`mixed` chooses among so many times as many uncertain texts as are asked for."""


@dataclass(frozen=True)
class Chosen:
    """A text that is worth a label.

    Attributes:
        row: its position.
        value: what it was chosen by, 0-1, higher is better; for diversity a distance, 0-2.
        reason: why, in words.
    """

    row: int
    value: float
    reason: str


def select(
    strategy: Strategy,
    count: int,
    *,
    heads: Sequence[Head],
    thresholds: Sequence[float],
    scores: NDArray[np.float32],
    vectors: NDArray[np.float32] | None = None,
    covered: NDArray[np.float32] | None = None,
) -> list[Chosen]:
    """The texts to label next, the best first.

    Args:
        strategy: what makes a text worth it.
        count: how many; fewer if there are fewer.
        heads: of the model.
        thresholds: by output.
        scores: float32 [rows, outputs].
        vectors: float32 [rows, width], needed for `diversity` and `mixed`.
        covered: vectors of labelled texts, float32 [labelled, width]; chosen texts keep away from them.

    Raises:
        ConfigError: the model decides nothing that could be uncertain.
    """
    if strategy in ("margin", "entropy"):
        values = uncertainty(strategy, heads, scores, thresholds)
        order = np.argsort(-values, kind="stable")[:count]
        return [
            Chosen(int(row), float(values[row]), _why(strategy, heads, scores[row], thresholds, values[row]))
            for row in order
        ]
    if vectors is None:
        raise ValueError(f"{strategy} needs the vectors of the texts")
    pool, reasons = np.arange(len(scores)), [""] * len(scores)
    if strategy == "mixed":
        values = uncertainty("margin", heads, scores, thresholds)
        pool = np.argsort(-values, kind="stable")[: count * _POOL]
        reasons = [_why("margin", heads, scores[row], thresholds, values[row]) for row in pool]
    found = farthest_first(vectors[pool], count, covered)
    return [
        Chosen(
            int(pool[position]),
            distance,
            "; ".join(filter(None, [reasons[position], f"distance {distance:.2f} from all before"])),
        )
        for position, distance in found
    ]


def certainty(
    heads: Sequence[Head], scores: NDArray[np.float32], thresholds: Sequence[float]
) -> NDArray[np.float64]:
    """How sure each decision is, float64 [rows, outputs]: for labels of a multi-label head the probability that it is
    right if the threshold meant one half, 0.5-1; for the others the score of the head's most probable label, 0-1; NaN
    for numbers.

    Thresholds are tuned because scores are not calibrated: the score is shifted, as a logit, by that of its threshold.
    """
    found = np.full(scores.shape, np.nan)
    for head, own in zip(heads, columns(heads).values(), strict=True):
        values = scores[:, own].astype(np.float64)
        if head.task == "multi_label":
            shifted = 1 / (1 + np.exp(-(_logit(values) - _logit(np.asarray(thresholds[own], np.float64)))))
            found[:, own] = np.maximum(shifted, 1 - shifted)
        elif head.task != "regression":
            found[:, own] = values.max(axis=1, keepdims=True)
    return found


def uncertainty(
    strategy: Literal["margin", "entropy"],
    heads: Sequence[Head],
    scores: NDArray[np.float32],
    thresholds: Sequence[float],
) -> NDArray[np.float64]:
    """How uncertain the model is about each text, float64 [rows], 0-1; of several heads the most uncertain counts.

    margin: 1 - the distance between the two likeliest answers: of a label and its absence, measured from its threshold,
    for the label that is nearest to it; of the two best labels where one applies (Scheffer et al., 2001). entropy: of
    the scores, as a share of the largest possible; the mean over labels where several apply.
    """
    by_head = []
    for head, own in zip(heads, columns(heads).values(), strict=True):
        values = np.clip(scores[:, own].astype(np.float64), _SMALLEST, 1 - _SMALLEST)
        if head.task == "regression":
            continue
        if head.task == "multi_label":
            if strategy == "margin":
                sure = certainty([head], scores[:, own], thresholds[own])
                by_head.append((2 - 2 * sure).max(axis=1))
            else:
                entropies = -(values * np.log2(values) + (1 - values) * np.log2(1 - values))
                by_head.append(entropies.mean(axis=1))
        elif strategy == "margin":
            best = np.sort(values, axis=1)
            by_head.append(1 - (best[:, -1] - best[:, -2]))
        else:
            by_head.append(-(values * np.log(values)).sum(axis=1) / np.log(values.shape[1]))
    if not by_head:
        raise ConfigError(
            "the model answers numbers only, which tell no uncertainty; use the strategy diversity"
        )
    found: NDArray[np.float64] = np.max(by_head, axis=0)
    return found


def farthest_first(
    vectors: NDArray[np.float32], count: int, covered: NDArray[np.float32] | None = None
) -> list[tuple[int, float]]:
    """Row after row, always the one that is farthest from all before it: the greedy k-center of Sener and Savarese
    (2018, "Active Learning for Convolutional Neural Networks: A Core-Set Approach"), by cosine distance.

    Args:
        vectors: float32 [rows, width].
        count: rows to be chosen at most; rows equal to one before are not.
        covered: vectors to keep away from; without any, the first row is the one nearest to the mean.

    Returns:
        Rows with their distances, 0-2, from what was before; that of a first row without any is 1.
    """
    units = _unit(vectors)
    nearest = np.full(len(units), np.inf)
    chosen: list[tuple[int, float]] = []
    if covered is not None and len(covered):
        others = _unit(covered)
        for start in range(0, len(others), 1024):
            nearest = np.minimum(nearest, 1 - (units @ others[start : start + 1024].T).max(axis=1))
    elif len(units):
        first = int(np.argmax(units @ units.mean(axis=0)))
        chosen.append((first, 1.0))
        nearest = 1 - units @ units[first]
    while len(chosen) < min(count, len(units)):
        row = int(np.argmax(nearest))
        if nearest[row] <= _SMALLEST:
            break
        chosen.append((row, float(nearest[row])))
        nearest = np.minimum(nearest, 1 - units @ units[row])
    return chosen[:count]


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units: NDArray[np.float32] = (vectors / np.maximum(lengths, _SMALLEST)).astype(np.float32)
    return units


def _logit(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    inside = np.clip(probability, _SMALLEST, 1 - _SMALLEST)
    logits: NDArray[np.float64] = np.log(inside) - np.log1p(-inside)
    return logits


def _why(
    strategy: Literal["margin", "entropy"],
    heads: Sequence[Head],
    scores: NDArray[np.float32],
    thresholds: Sequence[float],
    value: float,
) -> str:
    """The scores behind the value of one row, of the head that it comes from."""
    head, own = max(
        (
            (head, own)
            for head, own in zip(heads, columns(heads).values(), strict=True)
            if head.task != "regression"
        ),
        key=lambda pair: uncertainty(strategy, [pair[0]], scores[np.newaxis, pair[1]], thresholds[pair[1]])[
            0
        ],
    )
    values = scores[own]
    if strategy == "margin" and head.task == "multi_label":
        sure = certainty([head], values[np.newaxis], thresholds[own])[0]
        nearest = int(np.argmin(sure))
        return f"{head.outputs[nearest]} {values[nearest]:.2f} against its threshold {thresholds[own][nearest]:.2f}"
    best = np.argsort(-values, kind="stable")[:2]
    told = ", ".join(f"{head.outputs[label]} {values[label]:.2f}" for label in best)
    return told if strategy == "margin" else f"entropy {value:.2f} of 1; {told}"
