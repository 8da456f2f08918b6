"""Where the rows of a group go: into one split if they may be moved, and out of the data if the policy drops them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from components.data.duplicates.signatures import Pool, Signatures

__all__ = ["DROPPED", "Placement", "Policy", "place"]

Policy: TypeAlias = Literal["report", "drop", "fail"]

DROPPED = 255
"""In place of the position of a split: the row is left out."""

_PRIORITY = {"train": 0, "validation": 2, "test": 3}
_OTHER_PRIORITY = 1


@dataclass(frozen=True)
class Placement:
    """Where every row goes.

    Attributes:
        splits: uint8 [rows], position of the row's split, or `DROPPED`.
        moved: rows that are in another split than their hash says, to be with their duplicates.
        together: int64 [splits], rows by split once they were moved and before any was dropped.
    """

    splits: NDArray[np.uint8]
    moved: int
    together: NDArray[np.int64]


def place(rows: Signatures, leads: NDArray[np.int64], split_names: Sequence[str], *, drop: bool) -> Placement:
    """Decides for every row.

    Rows that were dealt by hash follow their group: to the split of a member that cannot be moved, not to train if
    there is a choice, else to the split of the member whose text has the smallest hash, so that the choice does not
    depend on the order of rows. Rows of files that belong to a split stay.

    With `drop`, a group that then still stands in several splits stays only in the one that judges (test before
    validation before others before train), and of equal texts in one split only the first stays.

    Args:
        rows: all rows.
        leads: from `group_rows`.
        split_names: names by position.
        drop: whether duplicates are dropped.
    """
    splits = rows.splits.copy()
    for members in _spanning_groups(leads, splits):
        _bring_together(members, rows, splits, split_names)
    moved = int((splits != rows.splits).sum())
    together = np.bincount(splits, minlength=len(split_names))
    if drop:
        splits[_surplus(rows, leads, splits, split_names)] = DROPPED
    return Placement(splits, moved, together)


def _spanning_groups(leads: NDArray[np.int64], splits: NDArray[np.uint8]) -> list[NDArray[np.int64]]:
    """The members of each group that stands in more than one split."""
    # A group spans splits if a member is in another split than the group's first row.
    spanning = np.unique(leads[splits != splits[leads]])
    members = np.flatnonzero(np.isin(leads, spanning))
    members = members[np.argsort(leads[members], kind="stable")]
    return np.split(members, np.flatnonzero(np.diff(leads[members])) + 1) if len(members) else []


def _bring_together(
    members: NDArray[np.int64], rows: Signatures, splits: NDArray[np.uint8], names: Sequence[str]
) -> None:
    pools = rows.pools[members]
    fixed = members[pools == Pool.FIXED]
    for pool in (Pool.DEALT, Pool.CARVED):
        movable = members[pools == pool]
        if not len(movable):
            continue
        if pool == Pool.DEALT and len(fixed):
            judging = [row for row in fixed if names[splits[row]] != "train"]
            splits[movable] = splits[judging[0] if judging else fixed[0]]
        else:
            splits[movable] = splits[movable[np.argmin(rows.texts[movable])]]


def _surplus(
    rows: Signatures, leads: NDArray[np.int64], splits: NDArray[np.uint8], names: Sequence[str]
) -> NDArray[np.bool_]:
    """Rows that are dropped, bool [rows]."""
    priorities = np.array(
        [_PRIORITY.get(name, _OTHER_PRIORITY) * len(names) + n for n, name in enumerate(names)]
    )
    priority = priorities[splits]
    highest = np.zeros(len(splits), priority.dtype)
    np.maximum.at(highest, leads, priority)
    surplus = priority < highest[leads]
    kept = np.flatnonzero(~surplus)
    _, first = np.unique(rows.texts[kept], return_index=True)
    repeated = np.ones(len(kept), bool)
    repeated[first] = False
    surplus[kept[repeated]] = True
    return surplus
