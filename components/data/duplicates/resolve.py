"""From the signatures of all rows to the place of each, and to the account of what was found."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.core.errors import DataError
from components.data.beam.exchange import Exchange
from components.data.duplicates.account import DuplicateAccount
from components.data.duplicates.groups import group_rows
from components.data.duplicates.placement import Placement, Policy, place
from components.data.duplicates.search import find_near_pairs
from components.data.duplicates.signatures import read_signatures

__all__ = ["DuplicateRules", "resolve_duplicates"]


@dataclass(frozen=True)
class DuplicateRules:
    """What counts as a duplicate, and what becomes of it.

    Attributes:
        policy: `report`, `drop` or `fail`.
        near: whether nearly equal texts count.
        similarity: smallest similarity (0-1) of nearly equal texts.
        min_words: shorter texts count only if they are equal.
    """

    policy: Policy
    near: bool
    similarity: float
    min_words: int


def resolve_duplicates(
    directory: Path,
    names: Sequence[str],
    split_names: Sequence[str],
    rules: DuplicateRules,
    exchange: Exchange,
) -> tuple[Placement, DuplicateAccount]:
    """Groups all rows and places them.

    Args:
        directory: where the signatures of all staged parts are.
        names: the parts, in order.
        split_names: names of the splits by position.
        rules: what counts as a duplicate, and what becomes of it.
        exchange: on which the parts were staged.

    Raises:
        DataError: the policy is `fail` and a group stands in two splits though its rows may not be moved.
        StageError: the search failed.
    """
    rows = read_signatures([directory / name for name in names])
    pairs: NDArray[np.int64] = np.zeros((0, 2), np.int64)
    if rules.near:
        pairs = find_near_pairs(
            directory, names, exchange, min_similarity=rules.similarity, min_words=rules.min_words
        )
    leads = group_rows(rows.texts, pairs)
    placement = place(rows, leads, split_names, drop=rules.policy == "drop")
    account = DuplicateAccount(rows, leads, placement, split_names)
    if rules.policy == "fail" and (spanning := account.spanning_groups()):
        raise DataError(
            f"{spanning:,} groups of equal or nearly equal texts stand in two splits; remove them from one, or set "
            "`duplicates: {policy: drop}` to have them dropped from the split that is learned from, or "
            "`policy: report` to see them listed"
        )
    return placement, account
