"""Spearman's rank correlation from pairs that were counted, so that parts merge.

Ranks are known only when all rows are, so the distinct pairs of predicted and right number are kept. Above
`MOST_PAIRS` of them numbers lose low bits, as scores do in `ranking`: what differs in the seventh digit or so shares a
rank.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluation.accumulators.tally import Tally, sortable

__all__ = ["MOST_PAIRS", "RankCorrelation"]

MOST_PAIRS = 1 << 24
"""Distinct pairs that are kept of all targets together, at 9 bytes each where most occur once: 150 MB."""

_HALF = np.uint64(32)
_LOWER = np.uint64((1 << 32) - 1)


@dataclass
class RankCorrelation:
    """Accumulates pairs of numbers of each target.

    Attributes:
        targets: how many.
        most_pairs: distinct pairs to keep of all targets together.
    """

    targets: int
    most_pairs: int = MOST_PAIRS
    _pairs: list[Tally] = field(default_factory=list)
    _unordered: list[int] = field(default_factory=list)
    _dropped_bits: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        nothing = Tally(np.zeros(0, np.uint64), np.zeros(0, np.uint8))
        self._pairs = [nothing] * self.targets
        self._unordered = [0] * self.targets
        self._dropped_bits = [0] * self.targets

    def add(self, predicted: NDArray[Any], right: NDArray[Any]) -> None:
        """Takes numbers, [rows, targets] both; they are ranked as float32."""
        for target, (x, y) in enumerate(zip(predicted.T, right.T, strict=True)):
            ordered = ~(np.isnan(x) | np.isnan(y))
            upper, lower = (sortable(values[ordered].astype(np.float32)) for values in (x, y))
            tally = Tally.of(upper.astype(np.uint64) << _HALF | lower)
            self._merge_target(target, tally, int(len(x) - len(upper)), 0)

    def merge(self, other: "RankCorrelation") -> None:
        """Adds what `other` has taken."""
        for target in range(self.targets):
            theirs = other._pairs[target], other._unordered[target], other._dropped_bits[target]
            self._merge_target(target, *theirs)

    @property
    def values(self) -> NDArray[np.float64]:
        """-1 to 1, float64 [targets]: Pearson's correlation of ranks, of which equal numbers share the mean.

        0 where a side does not vary, NaN where a number is none, or there is no pair.
        """
        return np.array(
            [
                float("nan") if unordered or not len(pairs) else _correlation(pairs)
                for pairs, unordered in zip(self._pairs, self._unordered, strict=True)
            ]
        )

    def _merge_target(self, target: int, pairs: Tally, unordered: int, bits: int) -> None:
        most = max(1, self.most_pairs // self.targets)
        ours = self._dropped_bits[target]
        bits, own = max(bits, ours), self._pairs[target]
        merged = _without(own, bits if bits > ours else 0).merged(_without(pairs, bits))
        while len(merged) > most:
            bits += 1
            merged = _without(merged, bits)
        self._pairs[target], self._dropped_bits[target] = merged, bits
        self._unordered[target] += unordered


def _without(pairs: Tally, bits: int) -> Tally:
    """Without the low bits of both numbers; equal pairs may then stand apart, as the second one decides their order."""
    if not bits:
        return pairs
    half = (1 << 32) - (1 << bits)
    mask = half << 32 | half
    keys = pairs.keys & np.uint64(mask)
    order = np.argsort(keys, kind="stable")
    return Tally(keys[order], pairs.counts[order]).masked(mask)


def _correlation(pairs: Tally) -> float:
    """Pearson's correlation of the mean ranks, each pair as often as it was counted."""
    x, y = (_centred_ranks(keys, pairs.counts) for keys in (pairs.keys >> _HALF, pairs.keys & _LOWER))
    spread = np.sqrt((pairs.counts @ x**2) * (pairs.counts @ y**2))
    return float(pairs.counts @ (x * y) / spread) if spread > 0 else 0.0


def _centred_ranks(keys: NDArray[np.uint64], counts: NDArray[np.unsignedinteger]) -> NDArray[np.float64]:
    """The mean rank of each key less the mean of all ranks."""
    _, place = np.unique(keys, return_inverse=True)
    of_key = np.bincount(place, weights=counts)
    ends = np.cumsum(of_key)
    ranks: NDArray[np.float64] = (ends - (of_key + ends[-1]) / 2)[place]
    return ranks
