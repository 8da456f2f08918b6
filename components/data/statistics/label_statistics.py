"""How often labels occur, alone and together."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from components.core.errors import DataError

__all__ = ["LabelStatistics"]


class LabelStatistics:
    """Accumulates the labels of examples in a matrix.

    Attributes:
        names: the label list.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._positions = {name.encode(): position for position, name in enumerate(names)}
        self._together = np.zeros((len(names), len(names)), dtype=np.int64)
        self._sizes: Counter[int] = Counter()

    def add_all(self, rows: Iterable[Sequence[bytes]]) -> None:
        """Counts the labels of examples.

        Raises:
            DataError: a label is not in the label list.
        """
        for labels, count in Counter(map(tuple, rows)).items():
            try:
                indices = [self._positions[label] for label in labels]
            except KeyError as err:
                raise DataError(f"label {err.args[0]!r} is not in the label list; rerun ExampleGen") from None
            self._sizes[len(labels)] += count
            self._together[indices, indices] += count
            for first, second in combinations(indices, 2):
                self._together[first, second] += count
                self._together[second, first] += count

    def merge(self, other: "LabelStatistics") -> None:
        """Adds what `other` has counted of the same label list."""
        self._together += other._together
        self._sizes.update(other._sizes)

    def cooccurrence(self) -> NDArray[np.int64]:
        """Examples that have both labels, int64 [labels, labels]; on the diagonal, those that have the label."""
        return self._together

    def labels_per_text(self) -> dict[int, int]:
        """Number of examples by number of labels, ascending."""
        return dict(sorted(self._sizes.items()))
