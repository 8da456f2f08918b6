"""Rows that belong together, directly or by way of others."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["Groups", "group_rows"]


class Groups:
    """Disjoint sets of rows (Tarjan, 1975), each led by its first row."""

    def __init__(self, rows: int) -> None:
        """Starts with each row on its own."""
        self._parents: NDArray[np.int64] = np.arange(rows, dtype=np.int64)

    def join_all(self, pairs: NDArray[np.int64]) -> None:
        """Makes one set of the sets of both rows of each pair, int64 [pairs, 2]."""
        for pair in pairs.tolist():
            first, second = map(self._lead, pair)
            self._parents[max(first, second)] = min(first, second)

    def apart(self, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of the pairs whose rows are in different sets, int64 [pairs, 2]."""
        first, second = self.leads()[pairs.T]
        different: NDArray[np.int64] = pairs[first != second]
        return different

    def leads(self) -> NDArray[np.int64]:
        """The first row of each row's set, int64 [rows]."""
        while not np.array_equal(self._parents, further := self._parents[self._parents]):
            self._parents = further
        return self._parents

    def _lead(self, row: int) -> int:
        parents = self._parents
        while (above := int(parents[row])) != row:
            parents[row] = parents[above]
            row = above
        return row


def group_rows(texts: NDArray[np.uint64], pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first row of each row's group, int64 [rows]; a row without duplicates leads itself.

    Args:
        texts: hash of each row's text: equal ones are one group.
        pairs: int64 [pairs, 2], rows with nearly equal texts.
    """
    _, first, inverse = np.unique(texts, return_index=True, return_inverse=True)
    lead = first[inverse].astype(np.int64)
    groups = Groups(len(texts))
    groups.join_all(lead[pairs])
    return groups.leads()[lead]
