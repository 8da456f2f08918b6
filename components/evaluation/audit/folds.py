"""Folds for scores of rows that the scoring model has not learned from, nor from copies of them."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.core.errors import DataError
from components.data.duplicates.groups import group_rows
from components.data.duplicates.pairs import near_pairs
from components.data.duplicates.signatures import BANDS, Pool, SignatureWriter, text_hash
from components.data.ingestion.splits import normalize_text

__all__ = ["deal_folds", "related_rows"]


def related_rows(
    texts: Sequence[str],
    groups: Sequence[str | None] | None = None,
    *,
    min_similarity: float = 0.7,
    min_words: int = 5,
) -> NDArray[np.int64]:
    """The first row of each row's family, int64 [rows]: equal and nearly equal texts, and rows of one group.

    Args:
        texts: of the rows.
        groups: by row, what it belongs to (an author, a conversation); None where it belongs to nothing.
        min_similarity: smallest similarity (0-1) of nearly equal texts, as ExampleGen has it.
        min_words: shorter texts are related only if they are equal.
    """
    normalized = [normalize_text(text) for text in texts]
    hashes = np.fromiter(map(text_hash, normalized), np.uint64, len(texts))
    with tempfile.TemporaryDirectory(prefix="emotion-audit-") as directory:
        stem = Path(directory) / "rows"
        signatures = SignatureWriter(stem, near=True)
        for text, plain in zip(texts, normalized, strict=True):
            signatures.add(text, plain, (), 0, Pool.FIXED)
        signatures.close()
        similar = near_pairs([stem], range(BANDS), min_similarity=min_similarity, min_words=min_words)
    return group_rows(hashes, np.concatenate([similar, _group_pairs(groups or ())]))


def _group_pairs(groups: Sequence[str | None]) -> NDArray[np.int64]:
    """Each row that belongs to a group, with the first row of that group, int64 [pairs, 2]."""
    first: dict[str, int] = {}
    pairs = [(first.setdefault(group, row), row) for row, group in enumerate(groups) if group is not None]
    return np.array(pairs, np.int64).reshape(-1, 2)


def deal_folds(families: NDArray[np.int64], folds: int, *, seed: int) -> NDArray[np.int64]:
    """The fold of each row, int64 [rows], 0 to `folds` - 1: about equal in size, and no family in two.

    Args:
        families: int64 [rows], equal for rows that belong together.
        folds: how many.
        seed: of the shuffling.

    Raises:
        DataError: there are fewer families than folds.
    """
    _, family, sizes = np.unique(families, return_inverse=True, return_counts=True)
    if len(sizes) < folds:
        raise DataError(
            f"the rows are {len(sizes)} families of related texts, which cannot be dealt to {folds} folds; audit more "
            "rows, or with fewer folds"
        )
    shuffled = np.random.default_rng(seed).permutation(len(sizes))
    # Large families first, each to the smallest fold; the many of one row then fill up what is left.
    order = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    totals = np.zeros(folds, np.int64)
    chosen = np.empty(len(sizes), np.int64)
    for number in order.tolist():
        chosen[number] = fold = int(totals.argmin())
        totals[fold] += sizes[number]
    return chosen[family]
