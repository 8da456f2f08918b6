"""The Beam pipeline of Transform: its elements are shards, as per-row work in Beam costs more than the tokenizer."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import apache_beam as beam

from components.data.beam_pipeline import run_pipeline
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
    with TemporaryDirectory(prefix="transform-") as scratch:
        reports_path = Path(scratch) / "reports.json"

        def build(pipeline: Any) -> None:
            (
                pipeline
                | "Shards" >> beam.Create(list(jobs))
                | "Transform" >> beam.ParDo(_TransformShard(tokenizer_dir, labels))
                | "Merge" >> beam.CombinePerKey(merge_reports)
                | "Gather" >> beam.combiners.ToList()
                | "Report" >> beam.Map(_write_reports, reports_path)
            )

        run_pipeline(build)
        documents = json.loads(reports_path.read_text(encoding="utf-8"))
    return {split: _parse_report(document) for split, document in documents.items()}


def _write_reports(reports: Sequence[tuple[str, ShardReport]], path: Path) -> None:
    path.write_text(json.dumps({split: asdict(report) for split, report in reports}), encoding="utf-8")


def _parse_report(document: dict[str, Any]) -> ShardReport:
    lengths = {int(length): rows for length, rows in document.pop("lengths").items()}
    return ShardReport(**document, lengths=lengths)
