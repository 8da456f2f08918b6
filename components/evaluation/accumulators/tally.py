"""Counting equal numbers: small whole numbers stand for what is counted, sorted so that tallies merge."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Tally", "numbers_of", "sortable"]

_Keys = NDArray[Any]
_SIGN = np.uint32(1 << 31)


@dataclass(frozen=True)
class Tally:
    """How often each key was counted.

    Attributes:
        keys: uint32 or uint64 [distinct], strictly ascending.
        counts: [distinct], all above 0, of the smallest unsigned type that holds them: most scores occur once.
    """

    keys: _Keys
    counts: NDArray[np.unsignedinteger]

    def __len__(self) -> int:
        return len(self.keys)

    @classmethod
    def of(cls, keys: _Keys) -> "Tally":
        """Counts keys [n] in any order."""
        ordered = np.sort(keys)
        starts = _run_starts(ordered)
        counts = np.empty(len(starts), np.int64)
        np.subtract(starts[1:], starts[:-1], out=counts[:-1])
        counts[-1:] = len(ordered) - starts[-1:]
        return cls(ordered[starts], _smallest(counts))

    @property
    def total(self) -> int:
        """Keys counted."""
        return int(self.counts.sum(dtype=np.int64))

    @property
    def running(self) -> NDArray[np.int64]:
        """Keys counted up to and with each distinct one, int64 [distinct]."""
        return np.cumsum(self.counts, dtype=np.int64)

    def merged(self, other: "Tally") -> "Tally":
        """What both counted together."""
        if not len(self) or not len(other):
            return self if len(self) else other
        keys = np.concatenate([self.keys, other.keys])
        # Two ascending runs are merged, not sorted, by a stable sort.
        order = np.argsort(keys, kind="stable")
        return _summed(keys[order], np.concatenate([self.counts, other.counts])[order])

    def masked(self, mask: int) -> "Tally":
        """The tally of `key & mask`, whose order must be that of the keys."""
        return _summed(self.keys & self.keys.dtype.type(mask), self.counts)


def sortable(numbers: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Keys that stand in the order of float32 numbers, of the same shape; 0 and -0 have one key.

    A float's bits ascend with its magnitude: positive ones move to the upper half, negative ones are mirrored. NaN has
    no place in the order and must not come here.
    """
    bits = (numbers + np.float32(0)).view(np.uint32)
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def numbers_of(keys: NDArray[np.uint32]) -> NDArray[np.float32]:
    """The float32 numbers that `sortable` made these keys of."""
    return np.where(keys & _SIGN, keys ^ _SIGN, ~keys).view(np.float32)


def _summed(ordered: _Keys, counts: NDArray[np.unsignedinteger]) -> Tally:
    """Adds up the counts of equal neighbours."""
    if not len(ordered):
        return Tally(ordered, counts)
    starts = _run_starts(ordered)
    return Tally(ordered[starts], _smallest(np.add.reduceat(counts, starts, dtype=np.int64)))


def _smallest(counts: NDArray[np.int64]) -> NDArray[np.unsignedinteger]:
    return counts.astype(np.min_scalar_type(int(counts.max(initial=0))))


def _run_starts(ordered: _Keys) -> NDArray[np.int64]:
    """Positions at which a new key starts."""
    if not len(ordered):
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
