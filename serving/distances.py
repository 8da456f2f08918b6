"""How far two lists of counts are apart; plain functions.

They are those of TensorFlow Data Validation (`anomalies/metrics.cc`). ExampleValidator holds data sets against each
other with them, the embedded server live traffic against the training data, so that a limit means the same in both.
"""

import math
from collections.abc import Mapping
from typing import TypeAlias

__all__ = [
    "Counts",
    "jensen_shannon_divergence",
    "l_infinity_distance",
    "normalized_absolute_difference",
    "shares",
]

Counts: TypeAlias = Mapping[str, float]
"""How often each value occurred; a value that is not there occurred never."""


def shares(counts: Counts) -> dict[str, float]:
    """The counts divided by their sum; empty if it is 0."""
    total = sum(counts.values())
    return {value: count / total for value, count in counts.items()} if total else {}


def l_infinity_distance(first: Counts, second: Counts) -> tuple[str, float]:
    """max |p - q| over self-normalised shares (0-1), and the value at which it is reached."""
    p, q = shares(first), shares(second)
    return _largest({value: p.get(value, 0.0) - q.get(value, 0.0) for value in {**p, **q}})


def normalized_absolute_difference(first: Counts, second: Counts) -> tuple[str, float]:
    """max |a - b| of the counts divided by the sum of all counts of both (0-1), and the value at which it is reached.

    Unlike L-infinity, it sees that there is more or less of everything.
    """
    total = (sum(first.values()) + sum(second.values())) or 1.0
    values = {**first, **second}
    return _largest({value: (first.get(value, 0.0) - second.get(value, 0.0)) / total for value in values})


def jensen_shannon_divergence(first: Counts, second: Counts) -> float:
    """Jensen-Shannon divergence to base 2: 0 for equal shares, 1 for none in common; NaN if one is empty.

    (D(P||M) + D(Q||M)) / 2 with M = (P + Q) / 2 and D the Kullback-Leibler divergence (Lin 1991, "Divergence measures
    based on the Shannon entropy").
    """
    p, q = shares(first), shares(second)
    if not p or not q:
        return math.nan
    total = 0.0
    for value in {**p, **q}:
        mean = (p.get(value, 0.0) + q.get(value, 0.0)) / 2
        total += sum(
            share * math.log2(share / mean) for share in (p.get(value, 0.0), q.get(value, 0.0)) if share
        )
    return min(1.0, max(0.0, total / 2))


def _largest(differences: Mapping[str, float]) -> tuple[str, float]:
    """The value with the largest absolute difference, the first by name among equals."""
    if not differences:
        return "", 0.0
    value = min(differences, key=lambda value: (-abs(differences[value]), value))
    return value, abs(differences[value])
