"""From a shard of labelled texts to a shard of token ids."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import tensorflow as tf

from components.core import features
from components.core.errors import DataError
from components.data.example_proto import decode_example, encode_example
from components.data.tfrecord import read_records, write_records
from components.modeling.tokenization import in_graph_tokenizer
from tflite.host_tokenizer import TokenizerSpec

__all__ = ["ShardReport", "ShardTransformer", "merge_reports"]

_BATCH_ROWS = 1024

_Example: TypeAlias = Mapping[str, list[Any]]


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


class ShardTransformer:
    """Tokenizes shards of `Examples` records into shards of `TransformedExamples` records."""

    def __init__(self, tokenizer: TokenizerSpec, labels: Sequence[str]) -> None:
        """Builds the in-graph tokenizer; `labels` are in the order of the label vector."""
        self._spec = tokenizer
        self._position_by_label = {label.encode(): position for position, label in enumerate(labels)}
        in_graph = in_graph_tokenizer(tokenizer)
        self._tokenize = tf.function(
            lambda text: (in_graph.tokenize(text), in_graph.count_pieces(text)),
            input_signature=[tf.TensorSpec([None], tf.string)],
        )

    def transform(self, source: Path, target: Path) -> ShardReport:
        """Reads `source`, writes `target` and returns what was counted.

        Raises:
            DataError: the shard is corrupt or a label is not in the label list.
        """
        report = ShardReport()
        examples = (decode_example(record) for record in read_records(source))
        report.rows = write_records(target, self._transformed(examples, report))
        return report

    def _transformed(self, examples: Iterator[_Example], report: ShardReport) -> Iterator[bytes]:
        while batch := list(islice(examples, _BATCH_ROWS)):
            tokens, pieces = self._tokenize(tf.constant([example[features.TEXT][0] for example in batch]))
            report.truncated += int((pieces.numpy() > self._spec.max_tokens - 2).sum())
            for example, token_ids in zip(batch, tokens.to_list(), strict=True):
                report.tokens += len(token_ids) - 2
                report.unknown_tokens += token_ids.count(self._spec.unknown_id)
                report.lengths[len(token_ids)] = report.lengths.get(len(token_ids), 0) + 1
                yield self._encode(example, token_ids)

    def _encode(self, example: _Example, token_ids: list[int]) -> bytes:
        return encode_example(
            {
                features.ID: example[features.ID],
                features.TOKEN_IDS: token_ids,
                features.LABEL_IDS: sorted(map(self._label_id, example.get(features.LABELS, ()))),
                features.WEIGHT: example.get(features.WEIGHT) or [1.0],
            }
        )

    def _label_id(self, label: bytes) -> int:
        try:
            return self._position_by_label[label]
        except KeyError:
            known = ", ".join(name.decode() for name in self._position_by_label)
            raise DataError(
                f"label {label.decode()!r} is not in the label list ({known}); rerun ExampleGen"
            ) from None


def merge_reports(reports: Iterable[ShardReport]) -> ShardReport:
    """The counts of all the shards of a split."""
    merged = ShardReport()
    for report in reports:
        merged.add(report)
    return merged
