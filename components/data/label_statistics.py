"""How often labels occur, alone and together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

__all__ = ["LabelStatistics"]


@dataclass
class LabelStatistics:
    """Accumulates the label sets of examples; memory grows with the number of different sets.

    Attributes:
        sets: how often each set of labels occurred, as tuples in the order of the label list.
    """

    sets: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def add(self, labels: tuple[str, ...]) -> None:
        """Counts the labels of one example."""
        self.sets[labels] += 1

    def merge(self, other: "LabelStatistics") -> None:
        """Adds what `other` has counted."""
        self.sets.update(other.sets)

    def cooccurrence(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Examples that have both labels, int64 [labels, labels]; on the diagonal, those that have the label."""
        positions = {name: position for position, name in enumerate(names)}
        matrix = np.zeros((len(names), len(names)), dtype=np.int64)
        for labels, count in self.sets.items():
            indices = [positions[label] for label in labels]
            matrix[indices, indices] += count
            for first, second in combinations(indices, 2):
                matrix[first, second] += count
                matrix[second, first] += count
        return matrix

    def labels_per_text(self) -> dict[int, int]:
        """Number of examples by number of labels, ascending."""
        sizes: Counter[int] = Counter()
        for labels, count in self.sets.items():
            sizes[len(labels)] += count
        return dict(sorted(sizes.items()))
