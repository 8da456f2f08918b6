"""Pairs of nearly equal texts: candidates from LSH bands, verified by the words that they share in order."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Indel
from rapidfuzz.process import cpdist

from components.data.duplicates.groups import Groups
from components.data.duplicates.signatures import Signatures, read_band, read_signatures

__all__ = ["near_pairs", "similarity"]

_MAX_NEIGHBOURS = 8
"""How far apart two rows may stand in a bucket to be compared. A bucket of up to nine rows is compared in full; in a
larger one each row meets its neighbours, and what holds a family of texts together is the chain of verified pairs."""


def near_pairs(
    stems: Sequence[Path], bands: Sequence[int], *, min_similarity: float, min_words: int
) -> NDArray[np.int64]:
    """Links between nearly equal texts that agree in one of the bands, int64 [pairs, 2].

    Of equal texts only the first is compared. Texts that are already linked by way of others are not compared again:
    the pairs connect each group, they do not list every pair in it.

    Args:
        stems: the parts of all rows.
        bands: which bands to look at: the share of one worker.
        min_similarity: smallest similarity (0-1) of a pair.
        min_words: shorter texts are left out: what they share is chance.
    """
    rows = read_signatures(stems)
    unique = _first_of_equal(rows, min_words)
    texts = _Texts(rows)
    linked = Groups(len(rows))
    found: list[NDArray[np.int64]] = [np.zeros((0, 2), np.int64)]
    for band in bands:
        keys = read_band(stems, band)[unique]
        for candidates in _candidates(keys):
            pairs = linked.apart(unique[candidates])
            pairs = pairs[_may_be_similar(rows, pairs, min_similarity)]
            similar = pairs[texts.similarities(pairs, at_least=min_similarity) >= min_similarity]
            linked.join_all(similar)
            found.append(similar)
    return np.concatenate(found)


class _Texts:
    """The word strings of all rows, cut out when they are compared."""

    def __init__(self, rows: Signatures) -> None:
        self._words = rows.words
        self._ends = np.cumsum(rows.lengths)
        self._starts = self._ends - rows.lengths

    def similarities(self, pairs: NDArray[np.int64], *, at_least: float) -> NDArray[np.float32]:
        """The similarity of each pair, float32 [pairs]; 0 if it is below `at_least`."""
        first, second = (self._cut(rows) for rows in pairs.T)
        scores: NDArray[np.float32] = cpdist(
            first, second, scorer=Indel.normalized_similarity, score_cutoff=at_least, dtype=np.float32
        )
        return scores

    def _cut(self, rows: NDArray[np.int64]) -> list[str]:
        words = self._words
        bounds = zip(self._starts[rows].tolist(), self._ends[rows].tolist(), strict=True)
        return [words[start:end] for start, end in bounds]


def similarity(first: str, second: str, *, at_least: float = 0.0) -> float:
    """Share (0-1) of the words of two texts that they have in common in the same order.

    2 x the longest common subsequence, divided by the words of both: the normalized Indel similarity. One word
    of n replaced gives 1 - 1/n, one left out 1 - 1/(2n - 1).

    Args:
        first: from `word_string`.
        second: likewise.
        at_least: the result is 0 if it would be smaller; that is told sooner.
    """
    return float(Indel.normalized_similarity(first, second, score_cutoff=at_least))


def _first_of_equal(rows: Signatures, min_words: int) -> NDArray[np.int64]:
    """The rows that are compared: the first of each text that is long enough."""
    _, first = np.unique(rows.texts, return_index=True)
    first = np.sort(first)
    return first[rows.lengths[first] >= min_words].astype(np.int64)


def _candidates(keys: NDArray[np.uint64]) -> Iterator[NDArray[np.int64]]:
    """Pairs of positions with equal keys, int64 [pairs, 2]."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    for distance in range(1, _MAX_NEIGHBOURS + 1):
        at = np.flatnonzero(ordered[distance:] == ordered[:-distance])
        if not len(at):
            return
        yield np.stack([order[at], order[at + distance]], axis=1)


def _may_be_similar(rows: Signatures, pairs: NDArray[np.int64], min_similarity: float) -> NDArray[np.bool_]:
    """False for pairs that cannot be as similar as that, by a bound that costs a few machine instructions a pair.

    A bit that is set in one text's `bits` and not in the other's stands for at least one word that only the first has.
    """
    first, second = pairs.T
    most_different = (1 - min_similarity) * (rows.lengths[first] + rows.lengths[second])
    only_first = np.bitwise_count(rows.bits[first] & ~rows.bits[second])
    only_second = np.bitwise_count(rows.bits[second] & ~rows.bits[first])
    at_least = np.maximum(
        only_first.astype(np.int64) + only_second, np.abs(rows.lengths[first] - rows.lengths[second])
    )
    possible: NDArray[np.bool_] = at_least <= most_different + 1e-9
    return possible
