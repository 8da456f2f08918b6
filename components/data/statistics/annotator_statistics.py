"""How far raters agree, from how many of them gave each label."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["AnnotatorStatistics"]


@dataclass
class AnnotatorStatistics:
    """Accumulates the votes on texts as whole numbers, so that results do not depend on the order.

    A rater gives one label to a text; one who gives several counts once for each. Texts with fewer than two votes say
    nothing of agreement and are left out of it.

    Attributes:
        texts: texts with votes.
        votes: how often each label was given.
        pairable: the same on texts with at least two votes.
        texts_by_votes: texts by their number of votes.
        agreeing_by_votes: ordered pairs of votes for the same label, by the text's number of votes.
        texts_by_label: texts with the label by (label, number of votes), of at least two.
        differing_by_label: ordered pairs of votes of which one is for the label and one is not, likewise.
    """

    texts: int = 0
    votes: Counter[bytes] = field(default_factory=Counter)
    pairable: Counter[bytes] = field(default_factory=Counter)
    texts_by_votes: Counter[int] = field(default_factory=Counter)
    agreeing_by_votes: Counter[int] = field(default_factory=Counter)
    texts_by_label: Counter[tuple[bytes, int]] = field(default_factory=Counter)
    differing_by_label: Counter[tuple[bytes, int]] = field(default_factory=Counter)

    def add_all(self, rows: Iterable[tuple[Sequence[bytes], Sequence[int]]]) -> None:
        """Counts the votes on texts: the labels given, and how many raters gave each."""
        alike = Counter((tuple(labels), tuple(counts)) for labels, counts in rows if labels)
        for (labels, counts), texts in alike.items():
            self._add(labels, counts, texts)

    def _add(self, labels: Sequence[bytes], counts: Sequence[int], texts: int) -> None:
        total = sum(counts)
        self.texts += texts
        for label, count in zip(labels, counts, strict=True):
            self.votes[label] += count * texts
            if total > 1:
                self.pairable[label] += count * texts
                self.agreeing_by_votes[total] += count * (count - 1) * texts
                self.texts_by_label[label, total] += texts
                self.differing_by_label[label, total] += 2 * count * (total - count) * texts
        if total > 1:
            self.texts_by_votes[total] += texts

    def merge(self, other: "AnnotatorStatistics") -> None:
        """Adds what `other` has counted."""
        self.texts += other.texts
        for name in (
            "votes",
            "pairable",
            "texts_by_votes",
            "agreeing_by_votes",
            "texts_by_label",
            "differing_by_label",
        ):
            getattr(self, name).update(getattr(other, name))

    def mean_disagreement(self) -> float | None:
        """Share (0-1) of a text's pairs of votes that differ, averaged over the texts; None if there are no pairs."""
        texts = self.texts_by_votes.total()
        if not texts:
            return None
        agreement = sum(self.agreeing_by_votes[n] / (n * (n - 1)) for n in sorted(self.texts_by_votes))
        return 1 - agreement / texts

    def krippendorff_alpha(self) -> float | None:
        """Krippendorff's alpha for nominal data: 1 is full agreement, 0 what chance gives, below it is worse.

        K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section C: 1 - D_o / D_e, of the
        coincidences of all pairs of votes on a text, each weighed by 1 / (votes on the text - 1). None if all votes
        are for one label, or there are no pairs.
        """
        total = self.pairable.total()
        expected = total * total - sum(count * count for count in self.pairable.values())
        if not expected:
            return None
        observed = total - sum(self.agreeing_by_votes[n] / (n - 1) for n in sorted(self.texts_by_votes))
        return 1 - (total - 1) * observed / expected

    def to_json(self, label_names: Sequence[str]) -> dict[str, Any] | None:
        """The entry in `statistics.json`, null without votes.

        By label: its share of all votes, and the share of pairs of votes of which one is for it and one is not,
        averaged over the texts on which somebody gave it.
        """
        if not self.texts:
            return None
        votes = self.votes.total()
        known = [*label_names, *sorted(label.decode() for label in self.votes)]
        by_label = {
            name: {
                "share_of_votes": self.votes[name.encode()] / votes,
                "disagreement": self._label_disagreement(name.encode()),
            }
            for name in dict.fromkeys(known)
        }
        return {
            "texts": self.texts,
            "raters": votes,
            "mean_disagreement": self.mean_disagreement(),
            "krippendorff_alpha": self.krippendorff_alpha(),
            "by_label": by_label,
        }

    def _label_disagreement(self, label: bytes) -> float | None:
        votes = sorted(n for name, n in self.texts_by_label if name == label)
        texts = sum(self.texts_by_label[label, n] for n in votes)
        if not texts:
            return None
        return sum(self.differing_by_label[label, n] / (n * (n - 1)) for n in votes) / texts
