"""The Beam pipeline that counts the words of a split; its elements are shards."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam

from components.core import features
from components.data.beam.beam_pipeline import collect
from components.data.records.example_proto import decode_example
from components.data.records.tfrecord import read_records
from components.modeling.vocabulary_extension import WordCounts
from tflite.host_tokenizer import HostTokenizer, TokenizerSpec

__all__ = ["count_words"]


class _CountWords(beam.DoFn):
    """Counts the words of a shard; builds the tokenizer once a worker."""

    def __init__(self, tokenizer: TokenizerSpec) -> None:
        self._spec = tokenizer
        self._tokenizer: HostTokenizer | None = None

    def setup(self) -> None:
        self._tokenizer = HostTokenizer(self._spec)

    def process(self, shard: Path) -> Iterator[WordCounts]:
        assert self._tokenizer is not None
        yield _count_shard(shard, self._tokenizer)


def _count_shard(shard: Path, tokenizer: HostTokenizer) -> WordCounts:
    counts = WordCounts()
    for record in read_records(shard):
        example = decode_example(record)
        texts = list(example[features.TEXT])
        if tokenizer.spec.segments == 2:
            texts += example.get(features.CONTEXT, ())
        for text in texts:
            counts.update(tokenizer.words(text.decode()))
        counts.texts += 1
    return counts


def _merge(parts: Iterable[WordCounts]) -> WordCounts:
    merged = WordCounts()
    for part in parts:
        merged.merge(part)
    return merged


def count_words(shards: Sequence[Path], tokenizer: TokenizerSpec) -> WordCounts:
    """Counts the words of all texts in shards of `Examples`.

    Raises:
        StageError: a shard could not be read; the cause is chained.
    """

    def build(pipeline: Any) -> Any:
        return (
            pipeline
            | "Shards" >> beam.Create(list(shards))
            | "Count" >> beam.ParDo(_CountWords(tokenizer))
            | "Merge" >> beam.CombineGlobally(_merge)
        )

    (counts,) = collect(build)
    assert isinstance(counts, WordCounts)
    return counts
