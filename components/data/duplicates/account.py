"""What was found about duplicates: counts, and the groups that a person should see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.data.duplicates.pairs import similarity
from components.data.duplicates.placement import DROPPED, Placement
from components.data.duplicates.signatures import Signatures, word_string

__all__ = ["DuplicateAccount", "ShownRow"]

_MAX_SHOWN_GROUPS = 1000
_MAX_SHOWN_MEMBERS = 10
_MAX_EXAMPLES = 5


@dataclass(frozen=True)
class ShownRow:
    """A row of a group that is shown.

    Attributes:
        id: the row's id.
        text: its text, cleaned and masked.
        labels: its labels.
    """

    id: str
    text: str
    labels: Sequence[str]


class DuplicateAccount:
    """Counts the groups of at least two rows.

    Counts about splits are of the rows that stay; all others, of the rows that came.
    """

    def __init__(
        self, rows: Signatures, leads: NDArray[np.int64], placement: Placement, split_names: Sequence[str]
    ) -> None:
        """Takes what `group_rows` and `place` returned."""
        self._names = split_names
        self._placement = placement
        sizes = np.bincount(leads, minlength=len(leads))
        self._members = np.flatnonzero(sizes[leads] > 1)
        _, self._groups = np.unique(leads[self._members], return_inverse=True)
        _, first, self._texts = np.unique(rows.texts[self._members], return_index=True, return_inverse=True)
        self._group_of_text = self._groups[first]
        self._dealt = np.bincount(rows.splits, minlength=len(split_names))
        self._came_from = rows.splits[self._members]
        self._splits = placement.splits[self._members]
        self._labels = rows.labels[self._members]
        self._group_count = int(self._groups.max(initial=-1)) + 1

    def summary(self, shown: Mapping[int, ShownRow]) -> dict[str, Any]:
        """The counts for `summary.json`.

        Args:
            shown: the rows of `rows_to_show`.
        """
        dropped = np.bincount(self._came_from[self._splits == DROPPED], minlength=len(self._names))
        return {
            "exact": _count(np.bincount(self._texts)),
            "near": _count(self._sizes[self._is_near()]),
            "across_splits": self._across_splits(shown),
            "within_splits": self._within_splits(),
            "conflicts": self._conflicts(shown),
            "dropped": {self._names[split]: int(count) for split, count in enumerate(dropped) if count},
            "moved": self._placement.moved,
            "largest_group": int(self._sizes.max(initial=0)),
            "rows_dealt": self._by_split(self._dealt),
            "rows_together": self._by_split(self._placement.together),
        }

    def rows_to_show(self) -> NDArray[np.int64]:
        """Rows whose texts are wanted, int64 ascending."""
        return np.unique(np.concatenate([np.zeros(0, np.int64), *self._shown_groups]))

    def listing(self, shown: Mapping[int, ShownRow]) -> list[dict[str, Any]]:
        """The groups for `duplicates.jsonl`: those across splits first, then contradictory labels, then the largest.

        Args:
            shown: the rows of `rows_to_show`.
        """
        listed = []
        for members in self._shown_groups:
            rows = [shown[row] for row in members.tolist()]
            words = [word_string(row.text) for row in rows]
            group = self._groups[np.searchsorted(self._members, members[0])]
            listed.append(
                {
                    "rows": int(self._sizes[group]),
                    "members": [
                        {
                            "id": row.id,
                            "split": self._split_name(number),
                            "labels": list(row.labels),
                            "text": row.text,
                            "similarity": round(similarity(words[0], own), 3) if words[0] else 1.0,
                        }
                        for number, row, own in zip(members.tolist(), rows, words, strict=True)
                    ],
                }
            )
        return listed

    def spanning_groups(self) -> int:
        """Groups that stand in more than one split."""
        return int((self._presence(self._groups).astype(bool).sum(axis=1) > 1).sum())

    def _by_split(self, counts: NDArray[np.int64]) -> dict[str, int]:
        return dict(zip(self._names, counts.tolist(), strict=True))

    def _split_name(self, row: int) -> str | None:
        split = int(self._placement.splits[row])
        return None if split == DROPPED else self._names[split]

    def _is_near(self) -> NDArray[np.bool_]:
        """Whether each group holds different texts, bool [groups]."""
        return np.bincount(self._group_of_text, minlength=self._group_count) > 1

    def _presence(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows by key and split, int64 [keys, splits]; dropped rows do not count."""
        counts = np.zeros((int(keys.max(initial=-1)) + 1, len(self._names)), np.int64)
        stays = self._splits != DROPPED
        np.add.at(counts, (keys[stays], self._splits[stays]), 1)
        return counts

    def _across_splits(self, shown: Mapping[int, ShownRow]) -> list[dict[str, Any]]:
        by_group, by_text = self._presence(self._groups), self._presence(self._texts)
        found = []
        for first, second in combinations(range(len(self._names)), 2):
            shared = (by_group[:, first] > 0) & (by_group[:, second] > 0)
            if not shared.any():
                continue
            equal = (by_text[:, first] > 0) & (by_text[:, second] > 0)
            found.append(
                {
                    "splits": [self._names[first], self._names[second]],
                    "groups": int(shared.sum()),
                    "exact_groups": len(np.unique(self._group_of_text[equal])),
                    "rows": by_group[shared][:, [first, second]].sum(axis=0).tolist(),
                    "examples": self._example_pairs(first, second, shown),
                }
            )
        return found

    def _example_pairs(self, first: int, second: int, shown: Mapping[int, ShownRow]) -> list[dict[str, Any]]:
        """The most alike texts of each group, the longest first: that "thank you" was said twice is no leak."""
        pairs: list[dict[str, Any]] = []
        for members in self._shown_groups:
            of_split = [
                {shown[row].text for row in members[self._placement.splits[members] == split].tolist()}
                for split in (first, second)
            ]
            if all(of_split):
                share, texts = max(
                    (similarity(word_string(one), word_string(other)) or float(one == other), (one, other))
                    for one in of_split[0]
                    for other in of_split[1]
                )
                pairs.append({"texts": list(texts), "similarity": round(share, 3)})
        pairs.sort(key=lambda pair: (-min(map(len, pair["texts"])), pair["texts"]))
        return pairs[:_MAX_EXAMPLES]

    def _within_splits(self) -> dict[str, dict[str, int]]:
        counts = self._presence(self._groups)
        return {
            name: {
                "groups": int((counts[:, split] > 1).sum()),
                "surplus_rows": int(np.maximum(counts[:, split] - 1, 0).sum()),
            }
            for split, name in enumerate(self._names)
        }

    def _conflicts(self, shown: Mapping[int, ShownRow]) -> dict[str, Any]:
        contradictory = self._contradictory_texts
        to_show = self.rows_to_show()
        texts = self._texts[np.searchsorted(self._members, to_show)]
        by_text: dict[int, list[ShownRow]] = {}
        for row, text in zip(to_show.tolist(), texts.tolist(), strict=True):
            if contradictory[text]:
                by_text.setdefault(text, []).append(shown[row])
        examples = []
        for rows in by_text.values():
            labels = sorted({tuple(row.labels) for row in rows})
            if len(labels) > 1:
                examples.append({"text": rows[0].text, "labels": [list(own) for own in labels]})
        return {
            "groups": int(contradictory.sum()),
            "rows": int(contradictory[self._texts].sum()),
            "examples": examples[:_MAX_EXAMPLES],
        }

    @cached_property
    def _contradictory_texts(self) -> NDArray[np.bool_]:
        """Whether each text comes with different sets of labels, bool [texts]."""
        pairs = np.unique(np.stack([self._texts.astype(np.uint64), self._labels]), axis=1)
        return np.bincount(pairs[0].astype(np.int64), minlength=len(self._group_of_text)) > 1

    @cached_property
    def _shown_groups(self) -> list[NDArray[np.int64]]:
        """The shown rows of each shown group: one of each split, then one of each text and set of labels, then more."""
        if not self._group_count:
            return []
        spans = self._presence(self._groups).astype(bool).sum(axis=1) > 1
        contradictory = np.zeros(self._group_count, bool)
        contradictory[self._group_of_text[self._contradictory_texts]] = True
        order = np.lexsort((np.arange(self._group_count), -self._sizes, ~contradictory, ~spans))
        chosen = order[:_MAX_SHOWN_GROUPS]
        rank = np.full(self._group_count, -1, np.int64)
        rank[chosen] = np.arange(len(chosen))
        inside = np.flatnonzero(rank[self._groups] >= 0)
        groups, splits = self._groups[inside], self._splits[inside].astype(np.int64)
        labels = self._labels[inside].view(np.int64)
        importance = _is_first([groups, splits]) + _is_first([self._texts[inside], labels])
        inside = inside[np.lexsort((inside, -importance, rank[groups]))]
        parts = np.split(inside, np.flatnonzero(np.diff(rank[self._groups[inside]])) + 1)
        return [np.sort(self._members[part[:_MAX_SHOWN_MEMBERS]]) for part in parts]

    @cached_property
    def _sizes(self) -> NDArray[np.int64]:
        """Rows by group."""
        return np.bincount(self._groups, minlength=self._group_count)


def _is_first(columns: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """1 where a combination of values comes for the first time, else 0."""
    _, first = np.unique(np.stack(columns), axis=1, return_index=True)
    flags = np.zeros(len(columns[0]), np.int64)
    flags[first] = 1
    return flags


def _count(sizes: NDArray[np.int64]) -> dict[str, int]:
    repeated = sizes[sizes > 1]
    return {
        "groups": len(repeated),
        "rows": int(repeated.sum()),
        "surplus_rows": int(repeated.sum()) - len(repeated),
    }
