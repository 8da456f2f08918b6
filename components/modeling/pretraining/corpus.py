"""Tokenized texts that an encoder reads."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Corpus"]

_WINDOW_BATCHES = 64
"""Batches sorted by length together, as in the Trainer."""


@dataclass(frozen=True)
class Corpus:
    """Tokenized texts.

    Attributes:
        rows: token ids of each, int32 [tokens], with [CLS] and [SEP].
        segments: segment ids of each; None where texts stand alone.
    """

    rows: Sequence[NDArray[np.int32]]
    segments: Sequence[NDArray[np.int32]] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens by row."""
        return np.array([len(row) for row in self.rows], np.int64)

    def take(self, positions: NDArray[np.int64]) -> "Corpus":
        """Some of the texts."""
        segments = None if self.segments is None else [self.segments[position] for position in positions]
        return Corpus([self.rows[position] for position in positions], segments)

    def batches(self, batch_size: int, random: np.random.Generator) -> Iterator[NDArray[np.int64]]:
        """Yields the position of every text once, in batches of texts of like length, in random order."""
        lengths = self.lengths
        shuffled = random.permutation(len(lengths))
        batches: list[NDArray[np.int64]] = []
        for start in range(0, len(shuffled), batch_size * _WINDOW_BATCHES):
            window = shuffled[start : start + batch_size * _WINDOW_BATCHES]
            by_length = window[np.argsort(lengths[window], kind="stable")]
            batches.extend(
                by_length[first : first + batch_size] for first in range(0, len(window), batch_size)
            )
        for position in random.permutation(len(batches)):
            yield batches[position]

    def batches_by_length(self, batch_size: int) -> list[NDArray[np.int64]]:
        """The position of every text once, the shortest first."""
        order = np.argsort(self.lengths, kind="stable")
        return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
