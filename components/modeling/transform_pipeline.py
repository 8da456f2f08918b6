"""The Beam pipeline of Transform: its elements are shards, as per-row work in Beam costs more than the tokenizer.

Shards are gzipped TFRecords. ArrayRecord (0.8.6) was measured for shuffled reading on 217,050 records as Transform
writes them, CPU a row: TFRecords are read once for 1.7 µs, then the Trainer shuffles arrays in memory. ArrayRecord
takes 4.2 µs a row in every epoch, in files of four times the size (179 bytes a row, not 43), as only groups of one
record can be read one by one; in compressed groups of 64 (47 bytes a row) a shuffled row costs 12 µs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam

from components.data.beam_pipeline import collect
from components.modeling.shard_transform import ShardReport, ShardTransformer, merge_reports
from tflite.host_tokenizer import TokenizerSpec

__all__ = ["ShardJob", "transform_shards"]


@dataclass(frozen=True)
class ShardJob:
    """One shard to be transformed: its split, and where it is read from and written to."""

    split: str
    source: Path
    target: Path


class _TransformShard(beam.DoFn):
    """Transforms a shard and emits its split and its report; builds the tokenizer once a worker."""

    def __init__(self, tokenizer_dir: Path, labels: Sequence[str]) -> None:
        self._tokenizer_dir = tokenizer_dir
        self._labels = tuple(labels)
        self._transformer: ShardTransformer | None = None

    def setup(self) -> None:
        self._transformer = ShardTransformer(TokenizerSpec.load(self._tokenizer_dir), self._labels)

    def process(self, job: ShardJob) -> Iterator[tuple[str, ShardReport]]:
        assert self._transformer is not None
        yield job.split, self._transformer.transform(job.source, job.target)


def transform_shards(
    jobs: Sequence[ShardJob], *, tokenizer_dir: Path, labels: Sequence[str]
) -> Mapping[str, ShardReport]:
    """Transforms every shard and returns what was counted by split.

    Raises:
        StageError: a shard could not be transformed; the cause is chained.
    """

    def build(pipeline: Any) -> Any:
        return (
            pipeline
            | "Shards" >> beam.Create(list(jobs))
            | "Transform" >> beam.ParDo(_TransformShard(tokenizer_dir, labels))
            | "Merge" >> beam.CombinePerKey(merge_reports)
        )

    return dict(collect(build))
