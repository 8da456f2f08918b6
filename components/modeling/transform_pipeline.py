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

from components.data.beam.beam_pipeline import collect, exchanging
from components.data.beam.exchange import Exchange
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

    def __init__(
        self, tokenizer_dir: Path, labels: Sequence[str], targets: Sequence[str], exchange: Exchange
    ) -> None:
        self._exchange = exchange
        self._targets = tuple(targets)
        self._tokenizer_dir = tokenizer_dir
        self._labels = tuple(labels)
        self._transformer: ShardTransformer | None = None

    def setup(self) -> None:
        with self._exchange.reading(self._tokenizer_dir) as directory:
            spec = TokenizerSpec.load(directory)
            self._transformer = ShardTransformer(spec, self._labels, self._targets)

    def process(self, job: ShardJob) -> Iterator[tuple[str, ShardReport]]:
        assert self._transformer is not None
        with (
            self._exchange.reading(job.source) as source,
            self._exchange.writing(job.target.parent) as directory,
        ):
            report = self._transformer.transform(source, directory / job.target.name)
        yield job.split, report


def transform_shards(
    jobs: Sequence[ShardJob], *, tokenizer_dir: Path, labels: Sequence[str], targets: Sequence[str] = ()
) -> Mapping[str, ShardReport]:
    """Transforms every shard and returns what was counted by split.

    Raises:
        StageError: a shard could not be transformed; the cause is chained.
    """

    with exchanging() as exchange:

        def build(pipeline: Any) -> Any:
            return (
                pipeline
                | "Shards" >> beam.Create(list(jobs))
                | "Transform" >> beam.ParDo(_TransformShard(tokenizer_dir, labels, targets, exchange))
                | "Merge" >> beam.CombinePerKey(merge_reports)
            )

        exchange.send(tokenizer_dir, *(job.source for job in jobs))
        reports = collect(build, expected=len({job.split for job in jobs}))
        exchange.receive(*{job.target.parent for job in jobs})
    # In the order of the jobs, whichever worker was done first.
    return {split: dict(reports)[split] for split in dict.fromkeys(job.split for job in jobs)}
