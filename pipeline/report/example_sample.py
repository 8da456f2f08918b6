"""A small, fair sample of the examples, the same at every time of asking."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappush, heapreplace
from itertools import islice
from typing import Any

from components.core import features
from components.core.artifacts import Examples
from components.core.errors import DataError

__all__ = ["ExampleSample", "sample_examples"]

_TEXTS = 5
_TEXTS_WITH_LABEL = 2
_ROWS_READ = 10_000
_SHARDS_READ = 8


@dataclass(frozen=True)
class ExampleSample:
    """Examples as `id`, `text` and `labels`.

    Attributes:
        by_split: a few of every split.
        by_label: a few of the first split (train, if there is one) with each label.
        searched: rows that were looked at in each split.
    """

    by_split: Mapping[str, Sequence[Mapping[str, Any]]]
    by_label: Mapping[str, Sequence[Mapping[str, Any]]]
    searched: Mapping[str, int]

    def __bool__(self) -> bool:
        return any(self.by_split.values())


@dataclass(order=True)
class _Ranked:
    """An example behind what it is ordered by; ids may repeat."""

    below: int
    id: str
    example: dict[str, Any] = field(compare=False)


@dataclass
class _Lowest:
    """Keeps the examples whose ids have the lowest hashes: a random sample that needs no random numbers."""

    limit: int
    kept: list[_Ranked] = field(default_factory=list)

    def add(self, rank: int, example: dict[str, Any]) -> None:
        entry = _Ranked(-rank, example["id"], example)
        if len(self.kept) < self.limit:
            heappush(self.kept, entry)
        elif entry > self.kept[0]:
            heapreplace(self.kept, entry)

    def extract(self) -> list[dict[str, Any]]:
        return [entry.example for entry in sorted(self.kept, key=lambda entry: (-entry.below, entry.id))]


def sample_examples(examples: Examples) -> ExampleSample:
    """Draws texts by the hash of their ids from up to 10,000 rows a split, taken from shards all over it.

    Unreadable shards are skipped: a report shows what there is.
    """
    by_split: dict[str, list[dict[str, Any]]] = {}
    by_label: dict[str, _Lowest] = {}
    searched: dict[str, int] = {}
    for split in examples.splits():
        lowest = _Lowest(_TEXTS)
        searched[split] = 0
        for example in _read(examples, split):
            searched[split] += 1
            rank = _rank(example["id"])
            lowest.add(rank, example)
            for label in example["labels"] if len(searched) == 1 else ():
                by_label.setdefault(label, _Lowest(_TEXTS_WITH_LABEL)).add(rank, example)
        by_split[split] = lowest.extract()
    return ExampleSample(by_split, {label: kept.extract() for label, kept in by_label.items()}, searched)


def _rank(identifier: str) -> int:
    return int.from_bytes(hashlib.blake2b(identifier.encode(), digest_size=8).digest(), "big")


def _read(examples: Examples, split: str) -> Iterator[dict[str, Any]]:
    from components.data.records.example_proto import decode_example
    from components.data.records.tfrecord import read_records

    shards = examples.shards(split)
    count = min(_SHARDS_READ, len(shards))
    chosen = [shards[number * len(shards) // count] for number in range(count)]
    for shard in chosen:
        try:
            for record in islice(read_records(shard), _ROWS_READ // count):
                yield _shown(decode_example(record))
        except DataError:
            continue


def _shown(example: Mapping[str, Sequence[bytes]]) -> dict[str, Any]:
    texts = {
        name: [value.decode(errors="replace") for value in example.get(name, ())]
        for name in (features.ID, features.TEXT, features.CONTEXT, features.LABELS)
    }
    return {
        "id": "".join(texts[features.ID][:1]),
        "text": "".join(texts[features.TEXT][:1]),
        "context": "".join(texts[features.CONTEXT][:1]),
        "labels": texts[features.LABELS],
    }
