"""From a shard of labelled texts to a shard of token ids.

Batches pass through four threads: one reads records, one parses and tokenizes them in TensorFlow, one encodes the
results in NumPy, one compresses and writes. Nothing is done row by row in Python but framing and checksums.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.core import features
from components.core.errors import DataError
from components.data.records.example_batch import BytesColumn, Column, NumberColumn, Records, encode_examples
from components.data.records.read_ahead import one_ahead
from components.data.records.tfrecord import RecordWriter
from components.modeling.record_batches import parse_batches
from components.modeling.tokenization import in_graph_tokenizer
from tflite.host_tokenizer import TokenizerSpec

__all__ = ["ShardReport", "ShardTransformer", "merge_reports"]

_PARSED = {
    features.ID: tf.io.FixedLenFeature([], tf.string),
    features.TEXT: tf.io.FixedLenFeature([], tf.string),
    features.CONTEXT: tf.io.FixedLenFeature([], tf.string, ""),
    features.LABELS: tf.io.RaggedFeature(tf.string),
    features.WEIGHT: tf.io.FixedLenFeature([], tf.float32, 1.0),
}


@dataclass
class ShardReport:
    """What was counted of one shard, or of a whole split.

    Attributes:
        rows: examples read and written.
        truncated: rows with more than `max_tokens` tokens.
        tokens: tokens written, [CLS] and [SEP] not counted.
        unknown_tokens: how many of them are [UNK].
        lengths: rows by number of tokens written, with [CLS] and [SEP].
    """

    rows: int = 0
    truncated: int = 0
    tokens: int = 0
    unknown_tokens: int = 0
    lengths: dict[int, int] = field(default_factory=dict)

    def add(self, other: "ShardReport") -> None:
        """Adds the counts of another shard."""
        self.rows += other.rows
        self.truncated += other.truncated
        self.tokens += other.tokens
        self.unknown_tokens += other.unknown_tokens
        for length, rows in other.lengths.items():
            self.lengths[length] = self.lengths.get(length, 0) + rows


@dataclass(frozen=True)
class _TokenizedBatch:
    """A batch on its way from TensorFlow to the encoder.

    Attributes:
        ids: row ids.
        labels: label names of all rows end to end.
        label_counts: int64 [rows].
        weights: float32 [rows].
        targets: float32 [rows, targets], NaN = unknown.
        token_ids: int32 [tokens], of all rows end to end.
        segment_ids: int32 [tokens].
        lengths: int64 [rows], tokens of each row.
        uncut_lengths: int64 [rows], what they would be without a limit.
    """

    ids: Sequence[bytes]
    labels: Sequence[bytes]
    label_counts: NDArray[np.int64]
    weights: NDArray[np.float32]
    targets: NDArray[np.float32]
    token_ids: NDArray[np.int32]
    segment_ids: NDArray[np.int32]
    lengths: NDArray[np.int64]
    uncut_lengths: NDArray[np.int64]


class ShardTransformer:
    """Tokenizes shards of `Examples` records into shards of `TransformedExamples` records."""

    def __init__(self, tokenizer: TokenizerSpec, labels: Sequence[str], targets: Sequence[str] = ()) -> None:
        """Builds the in-graph tokenizer; `labels` and `targets` are in the order of their lists."""
        self._spec = tokenizer
        self._targets = tuple(features.TARGET_PREFIX + target for target in targets)
        number = tf.io.FixedLenFeature([], tf.float32, np.nan)
        self._parsed = {**_PARSED, **dict.fromkeys(self._targets, number)}
        self._position_by_label = {label.encode(): position for position, label in enumerate(labels)}
        self._in_graph = in_graph_tokenizer(tokenizer)
        self._tokenize = tf.function(
            self._parse_and_tokenize, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False
        )

    def transform(self, source: Path, target: Path) -> ShardReport:
        """Reads `source`, writes `target` and returns what was counted.

        Raises:
            DataError: the shard is corrupt or a label is not in the label list.
        """
        report = ShardReport()
        tokenized = one_ahead(self._tokenized(source))
        encoded = one_ahead(self._encode(batch, report) for batch in tokenized)
        with RecordWriter(target) as writer:
            for records in encoded:
                writer.write_all(records.split())
        report.rows = writer.count
        return report

    def _tokenized(self, source: Path) -> Iterator[_TokenizedBatch]:
        for found in parse_batches(source, self._tokenize, written_by="ExampleGen"):
            arrays = {name: tensor.numpy() for name, tensor in found.items()}
            yield _TokenizedBatch(
                **{**arrays, "ids": arrays["ids"].tolist(), "labels": arrays["labels"].tolist()}
            )

    def _parse_and_tokenize(self, records: tf.Tensor) -> dict[str, tf.Tensor]:
        example = tf.io.parse_example(records, self._parsed)
        numbers = [example[target][:, tf.newaxis] for target in self._targets]
        tokenizer = self._in_graph
        pieces = tokenizer.pieces(example[features.TEXT])
        uncut_lengths = pieces.row_lengths() + 2
        if self._spec.segments == 2:
            context = tokenizer.pieces(example[features.CONTEXT])
            tokens, segments = tokenizer.frame_pair(pieces, context)
            extra = context.row_lengths()
            uncut_lengths += extra + tf.cast(extra > 0, tf.int64)
        else:
            tokens = tokenizer.frame(pieces)
            segments = tokens.with_flat_values(tf.zeros_like(tokens.flat_values))
        return {
            "ids": example[features.ID],
            "labels": example[features.LABELS].flat_values,
            "label_counts": tf.cast(example[features.LABELS].row_lengths(), tf.int64),
            "weights": example[features.WEIGHT],
            "targets": tf.concat(numbers, axis=1) if numbers else tf.zeros((tf.size(records), 0)),
            "token_ids": tokens.flat_values,
            "segment_ids": segments.flat_values,
            "lengths": tokens.row_lengths(),
            "uncut_lengths": uncut_lengths,
        }

    def _encode(self, batch: _TokenizedBatch, report: ShardReport) -> Records:
        self._count(batch, report)
        one = np.ones(len(batch.ids), np.int64)
        columns: dict[str, Column] = {
            features.ID: BytesColumn(Records.of(batch.ids), one),
            features.TOKEN_IDS: NumberColumn(batch.token_ids, batch.lengths),
            features.LABEL_IDS: NumberColumn(self._label_ids(batch), batch.label_counts),
            features.WEIGHT: NumberColumn(batch.weights, one),
        }
        if self._spec.segments == 2:
            columns[features.SEGMENT_IDS] = NumberColumn(batch.segment_ids, batch.lengths)
        if self._targets:
            columns[features.TARGETS] = NumberColumn(batch.targets.ravel(), len(self._targets) * one)
        return encode_examples(columns)

    def _count(self, batch: _TokenizedBatch, report: ShardReport) -> None:
        # A row that ends in the second segment has a context, and so one [SEP] more.
        contexts = int(batch.segment_ids[np.cumsum(batch.lengths) - 1].sum())
        lengths, rows = np.unique(batch.lengths, return_counts=True)
        report.add(
            ShardReport(
                truncated=int((batch.uncut_lengths > self._spec.max_tokens).sum()),
                tokens=len(batch.token_ids) - 2 * len(batch.ids) - contexts,
                unknown_tokens=int((batch.token_ids == self._spec.unknown_id).sum()),
                lengths=dict(zip(lengths.tolist(), rows.tolist(), strict=True)),
            )
        )

    def _label_ids(self, batch: _TokenizedBatch) -> NDArray[np.int64]:
        """The labels' positions, ascending in each row."""
        try:
            positions = [self._position_by_label[label] for label in batch.labels]
        except KeyError as err:
            known = ", ".join(name.decode() for name in self._position_by_label)
            raise DataError(
                f"label {err.args[0].decode()!r} is not in the label list ({known}); rerun ExampleGen"
            ) from None
        rows = np.repeat(np.arange(len(batch.ids)), batch.label_counts)
        label_ids = np.array(positions, np.int64)
        return label_ids[np.lexsort((label_ids, rows))]


def merge_reports(reports: Iterable[ShardReport]) -> ShardReport:
    """The counts of all the shards of a split."""
    merged = ShardReport()
    for report in reports:
        merged.add(report)
    return merged
