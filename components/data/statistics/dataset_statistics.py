"""Statistics of all splits, over Beam, and their files."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.core.artifacts import ExampleStatistics
from components.core.errors import DataError
from components.data.beam.beam_pipeline import collect, exchanging
from components.data.records.example_proto import decode_columns
from components.data.records.tfrecord import read_records
from components.data.statistics.label_statistics import LabelStatistics
from components.data.statistics.split_statistics import SplitCounter, SplitStatistics, StatisticsPlan

__all__ = ["DatasetStatistics", "compute_statistics", "shard_statistics"]

_BATCH_ROWS = 4096
_BATCH_BYTES = 1 << 24
_NOT_OURS = (KeyError, IndexError, ValueError, DataError)
"""What examples that ExampleGen did not write lead to."""


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
            if split not in self.splits:
                self.splits[split] = SplitStatistics(LabelStatistics(statistics.labels.names))
            self.splits[split].merge(statistics)


def shard_statistics(split: str, shard: Path, plan: StatisticsPlan) -> DatasetStatistics:
    """Statistics of one shard of examples.

    Raises:
        DataError: the shard is corrupt.
    """
    counter = SplitCounter(plan)
    rows = 0
    for batch in _batches(read_records(shard)):
        try:
            counter.add_all(decode_columns(batch))
        except _NOT_OURS:
            number, reason = _first_failure(batch, plan)
            where = f"{shard}: record {rows + number}"
            raise DataError(f"{where}: no example of ExampleGen ({reason}); run it again") from None
        rows += len(batch)
    return DatasetStatistics({split: counter.finish()})


def _batches(records: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Records in batches of limited length and size: a single text may be megabytes long."""
    batch: list[bytes] = []
    size = 0
    for record in records:
        batch.append(record)
        size += len(record)
        if len(batch) == _BATCH_ROWS or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _first_failure(records: Sequence[bytes], plan: StatisticsPlan) -> tuple[int, str]:
    """Number of the first record, from 1, that cannot be counted, and why."""
    for number, record in enumerate(records, start=1):
        try:
            SplitCounter(plan).add_all(decode_columns([record]))
        except _NOT_OURS as err:
            return number, repr(err)
    raise AssertionError("every record can be counted alone, but not all of them together")


def compute_statistics(
    shards: Iterable[tuple[str, Path]], statistics: ExampleStatistics, plan: StatisticsPlan
) -> None:
    """Computes and writes the statistics of a data set, one Beam element a shard.

    Args:
        shards: split and path of every shard of examples.
        statistics: the artifact to write.
        plan: what is counted.

    Raises:
        StageError: the pipeline failed.
    """
    pairs = list(shards)
    with exchanging() as exchange:

        def count(split: str, shard: Path) -> DatasetStatistics:
            with exchange.reading(shard) as local:
                return shard_statistics(split, local, plan)

        def build(pipeline: Any) -> Any:
            import apache_beam as beam

            counted = pipeline | "Shards" >> beam.Create(pairs) | "Count" >> beam.MapTuple(count)
            merged = counted | "Merge" >> beam.CombineGlobally(_merging())
            return merged | "Extract" >> beam.Map(_extract, plan)

        exchange.send(*(shard for _, shard in pairs))
        (extracted,) = collect(build, expected=1)
    for split, (proto, _) in extracted.items():
        path = statistics.stats_path(split)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(proto)
    document = {
        "labels": list(plan.label_names),
        "tokenizer": None if plan.tokenizer is None else {"encoder": plan.encoder},
        "splits": {split: extracted[split][1] for split in statistics.splits()},
    }
    content = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    statistics.json_path.write_text(content + "\n", encoding="utf-8")


def _merging() -> Any:
    """The Beam `CombineFn` that merges parts one by one: several at once would take several times the memory."""
    import apache_beam as beam

    class Merging(beam.CombineFn):
        def create_accumulator(self) -> DatasetStatistics:
            return DatasetStatistics()

        def add_input(self, merged: DatasetStatistics, part: DatasetStatistics) -> DatasetStatistics:
            merged.merge(part)
            return merged

        def merge_accumulators(self, parts: Iterable[DatasetStatistics]) -> DatasetStatistics:
            merged = DatasetStatistics()
            for part in parts:
                merged.merge(part)
            return merged

        def extract_output(self, merged: DatasetStatistics) -> DatasetStatistics:
            return merged

    return Merging()


def _extract(dataset: DatasetStatistics, plan: StatisticsPlan) -> dict[str, tuple[bytes, dict[str, Any]]]:
    """By split, the serialized `DatasetFeatureStatisticsList` and the entry in `statistics.json`."""
    from tensorflow_metadata.proto.v0 import statistics_pb2

    extracted = {}
    for split, counted in dataset.splits.items():
        proto = statistics_pb2.DatasetFeatureStatisticsList(datasets=[counted.to_proto(split, plan)])
        extracted[split] = proto.SerializeToString(deterministic=True), counted.to_json(plan)
    return extracted
