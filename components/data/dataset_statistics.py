"""Statistics of all splits, over Beam, and their files."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from components.core.artifacts import ExampleStatistics
from components.core.errors import DataError
from components.data.beam_pipeline import collect, exchanging
from components.data.example_proto import decode_example
from components.data.split_statistics import Detail, SplitStatistics
from components.data.tfrecord import read_records

__all__ = ["DatasetStatistics", "compute_statistics", "read_statistics", "shard_statistics"]

_MAX_SHOWN_TEXTS = 3
_MAX_SHOWN_CHARACTERS = 80


@dataclass
class DatasetStatistics:
    """Accumulates splits.

    Attributes:
        splits: statistics by split.
    """

    splits: dict[str, SplitStatistics] = field(default_factory=dict)

    def merge(self, other: "DatasetStatistics") -> None:
        """Adds what `other` has counted."""
        for split, statistics in other.splits.items():
            self.splits.setdefault(split, SplitStatistics()).merge(statistics)

    def write(self, statistics: ExampleStatistics, label_names: Sequence[str], detail: Detail) -> None:
        """Writes the protos and `statistics.json` into the artifact's directory."""
        from tensorflow_metadata.proto.v0 import statistics_pb2

        texts = {split: counted.texts() for split, counted in self.splits.items()}
        for split, counted in self.splits.items():
            proto = statistics_pb2.DatasetFeatureStatisticsList(datasets=[counted.to_proto(split, detail)])
            path = statistics.stats_path(split)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(proto.SerializeToString(deterministic=True))
        document = {
            "labels": list(label_names),
            "splits": {
                split: self.splits[split].to_json(label_names, texts[split], detail)
                for split in statistics.splits()
            },
            "overlaps": _find_overlaps({split: texts[split] for split in statistics.splits()}),
        }
        content = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
        statistics.json_path.write_text(content + "\n", encoding="utf-8")


def shard_statistics(split: str, shard: Path) -> DatasetStatistics:
    """Statistics of one shard of examples.

    Raises:
        DataError: the shard is corrupt.
    """
    statistics = SplitStatistics()
    for number, record in enumerate(read_records(shard), start=1):
        try:
            statistics.add(decode_example(record))
        except (KeyError, IndexError, DataError) as err:
            raise DataError(
                f"{shard}: record {number}: no example of ExampleGen ({err!r}); run it again"
            ) from err
    return DatasetStatistics({split: statistics})


def compute_statistics(
    shards: Iterable[tuple[str, Path]],
    statistics: ExampleStatistics,
    *,
    label_names: Sequence[str],
    detail: Detail,
) -> None:
    """Computes and writes the statistics of a data set, one Beam element a shard.

    Args:
        shards: split and path of every shard of examples.
        statistics: the artifact to write.
        label_names: the label list.
        detail: how much is written down.

    Raises:
        StageError: the pipeline failed.
    """
    pairs = list(shards)
    with exchanging() as exchange:

        def count(split: str, shard: Path) -> DatasetStatistics:
            with exchange.reading(shard) as local:
                return shard_statistics(split, local)

        def build(pipeline: Any) -> Any:
            import apache_beam as beam

            counted = pipeline | "Shards" >> beam.Create(pairs) | "Count" >> beam.MapTuple(count)
            return counted | "Merge" >> beam.CombineGlobally(_merge_all)

        exchange.send(*(shard for _, shard in pairs))
        (dataset,) = collect(build, expected=1)
    dataset.write(statistics, label_names, detail)


def read_statistics(statistics: ExampleStatistics, split: str) -> Any:
    """The `DatasetFeatureStatistics` of a split, as it was written."""
    from tensorflow_metadata.proto.v0 import statistics_pb2

    content = statistics.stats_path(split).read_bytes()
    return statistics_pb2.DatasetFeatureStatisticsList.FromString(content).datasets[0]


def _merge_all(parts: Iterable[DatasetStatistics]) -> DatasetStatistics:
    merged = DatasetStatistics()
    for part in parts:
        merged.merge(part)
    return merged


def _find_overlaps(texts: Mapping[str, Counter[str]]) -> list[dict[str, Any]]:
    """Texts that stand in two splits (but for case and white space), for each pair of splits that share any.

    Long ones are shown first: that "thank you" was said twice is no leak.
    """
    found = []
    for first, second in combinations(texts, 2):
        shared = sorted(texts[first].keys() & texts[second].keys(), key=lambda text: (-len(text), text))
        if shared:
            found.append(
                {
                    "splits": [first, second],
                    "texts": len(shared),
                    "rows": [sum(texts[split][text] for text in shared) for split in (first, second)],
                    "examples": [text[:_MAX_SHOWN_CHARACTERS] for text in shared[:_MAX_SHOWN_TEXTS]],
                }
            )
    return found
