"""How well scores put the texts that have a label above those that have not.

The order of scores is kept as a tally of the distinct ones, of texts with and without the label apart. It is exact as
long as there are fewer than `MOST_DISTINCT` of them over all labels (1.2 million for each of 28); above, scores lose
as many low bits of their mantissas as it takes, the same ones in whatever order parts were merged. So memory is
bounded, and what is lost is the order of scores that differ in the seventh digit or so: they count as ties.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluation.accumulators.tally import Tally, numbers_of, sortable

__all__ = ["MOST_DISTINCT", "LabelRanking", "Rankings"]

MOST_DISTINCT = 1 << 25
"""Distinct scores that are kept of all labels of a head together, at 5 bytes each where most occur once: 170 MB."""

_MOST_PENDING = MOST_DISTINCT
"""Scores that wait to be sorted, at 5 bytes each: sorting many at a time is what makes it fast."""

_SWEEP_POINTS = 51
_KEY_BITS = 32
_NOTHING = Tally(np.zeros(0, np.uint32), np.zeros(0, np.uint8))


@dataclass(frozen=True)
class LabelRanking:
    """The scores of one label.

    Attributes:
        positives: of the texts that have it, by `sortable` score.
        negatives: of the texts that have it not.
        dropped_bits: low bits of all keys that were set to 0.
        unordered: scores that are no numbers.
    """

    positives: Tally = _NOTHING
    negatives: Tally = _NOTHING
    dropped_bits: int = 0
    unordered: int = 0

    @classmethod
    def of(cls, scores: NDArray[np.float32], labelled: NDArray[np.bool_]) -> "LabelRanking":
        """Of float32 [n] and bool [n]."""
        ordered = ~np.isnan(scores)
        if unordered := int(len(scores) - np.count_nonzero(ordered)):
            scores, labelled = scores[ordered], labelled[ordered]
        keys = sortable(scores)
        return cls(Tally.of(keys[labelled]), Tally.of(keys[~labelled]), unordered=unordered)

    def merged(self, other: "LabelRanking") -> "LabelRanking":
        """Of the texts of both."""
        bits = max(self.dropped_bits, other.dropped_bits)
        ours, theirs = self._without(bits), other._without(bits)
        return LabelRanking(
            ours.positives.merged(theirs.positives),
            ours.negatives.merged(theirs.negatives),
            bits,
            self.unordered + other.unordered,
        )

    def within(self, most: int) -> "LabelRanking":
        """With as few bits dropped as leave `most` distinct scores: the same ones however the texts were divided."""
        ranking = self
        while len(ranking.positives) + len(ranking.negatives) > most:
            ranking = ranking._without(ranking.dropped_bits + 1)
        return ranking

    def _without(self, bits: int) -> "LabelRanking":
        if bits == self.dropped_bits:
            return self
        mask = (1 << _KEY_BITS) - (1 << bits)
        return LabelRanking(self.positives.masked(mask), self.negatives.masked(mask), bits, self.unordered)

    @property
    def auroc(self) -> float:
        """Share of pairs of a text with and one without the label in which the former's score is higher, 0-1.

        A tie counts half (Mann and Whitney, 1947). NaN if one of the two is missing, or a score is no number.
        """
        pairs = float(self.positives.total) * self.negatives.total
        if self.unordered or not pairs:
            return float("nan")
        below, reached = self._negatives_below, self._negatives_below + self._negatives_tied
        return float(self.positives.counts @ (below + reached) / 2 / pairs)

    @property
    def auroc_error(self) -> float:
        """How far dropped bits can have moved `auroc`: half of the pairs that count as ties; 0 if none were dropped."""
        if not self.dropped_bits:
            return 0.0
        pairs = max(1.0, float(self.positives.total) * self.negatives.total)
        return float(self.positives.counts @ self._negatives_tied / 2 / pairs)

    @property
    def average_precision(self) -> float:
        """Sum over distinct scores of precision there x recall gained there, 0-1; no interpolation.

        NaN if no text has the label, or a score is no number.
        """
        total = self.positives.total
        if self.unordered or not total:
            return float("nan")
        return float(self.positives.counts @ self._precision / total)

    def sweep(self) -> list[dict[str, float]]:
        """Precision, recall and F1 by threshold (a text has the label where `score >= threshold`), ascending.

        Thresholds are scores of texts that have the label, as only there F1 has its peaks: all of them, or 51 that
        divide these texts evenly. Empty if there is none, or a score is no number.
        """
        total = self.positives.total
        if self.unordered or not total:
            return []
        texts = np.linspace(0, total - 1, min(total, _SWEEP_POINTS)).round()
        chosen = np.unique(np.searchsorted(self.positives.running, texts, side="right"))
        thresholds = numbers_of(self.positives.keys[chosen])
        hits, precision = self._hits[chosen], self._precision[chosen]
        recall = hits / total
        f1 = 2 * precision * recall / (precision + recall)
        names = ("threshold", "precision", "recall", "f1")
        columns = (thresholds, precision, recall, f1)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [dict(zip(names, row, strict=True)) for row in rows]

    @cached_property
    def _hits(self) -> NDArray[np.int64]:
        """Texts with the label that reach each of their distinct scores."""
        return self.positives.total - self.positives.running + self.positives.counts

    @cached_property
    def _negatives_below(self) -> NDArray[np.int64]:
        """Texts without the label below each distinct score of those with it."""
        return self._negatives_up_to("left")

    @cached_property
    def _negatives_tied(self) -> NDArray[np.int64]:
        return self._negatives_up_to("right") - self._negatives_below

    def _negatives_up_to(self, side: Any) -> NDArray[np.int64]:
        sums = np.concatenate([[0], self.negatives.running])
        return sums[np.searchsorted(self.negatives.keys, self.positives.keys, side=side)]

    @cached_property
    def _precision(self) -> NDArray[np.float64]:
        """At each distinct score of the texts with the label."""
        false = self.negatives.total - self._negatives_below
        return self._hits / (self._hits + false)


@dataclass
class Rankings:
    """Accumulates the scores of all labels of a head.

    Attributes:
        labels: how many.
        most_distinct: distinct scores to keep of all labels together.
    """

    labels: int
    most_distinct: int = MOST_DISTINCT
    _sorted: list[LabelRanking] = field(default_factory=list)
    _pending: list[tuple[NDArray[np.float32], NDArray[np.bool_]]] = field(default_factory=list)
    _pending_scores: int = 0

    def add(self, scores: NDArray[np.float32], targets: NDArray[Any]) -> None:
        """Takes float32 [rows, labels] of any scale and 0 or 1 [rows, labels]."""
        # By label, as that is how they are sorted; a transposed view would read all memory for each.
        labelled = np.ascontiguousarray(targets.T).astype(np.bool_)
        self._wait([(np.array(scores.T, np.float32, order="C"), labelled)])

    def merge(self, other: "Rankings") -> None:
        """Adds what `other` has taken."""
        self._keep(other._sorted)
        self._wait(other._pending)

    def compact(self) -> None:
        """Sorts what waits."""
        if not self._pending:
            return
        parts, self._pending, self._pending_scores = self._pending, [], 0
        self._keep(
            LabelRanking.of(
                np.concatenate([scores[label] for scores, _ in parts]),
                np.concatenate([labelled[label] for _, labelled in parts]),
            )
            for label in range(self.labels)
        )

    def by_label(self) -> list[LabelRanking]:
        """One ranking a label."""
        self.compact()
        return self._sorted or [LabelRanking()] * self.labels

    def _wait(self, parts: Iterable[tuple[NDArray[np.float32], NDArray[np.bool_]]]) -> None:
        for scores, labelled in parts:
            self._pending.append((scores, labelled))
            self._pending_scores += scores.size
            if self._pending_scores >= _MOST_PENDING:
                self.compact()

    def _keep(self, rankings: Iterable[LabelRanking]) -> None:
        most = max(1, self.most_distinct // self.labels)
        kept = []
        for label, ranking in enumerate(rankings):
            ours = self._sorted[label] if self._sorted else LabelRanking()
            kept.append(ours.merged(ranking).within(most))
            if self._sorted:
                # Freed label by label: the old and the new of all would take twice the memory.
                self._sorted[label] = kept[label]
        self._sorted = kept or self._sorted
