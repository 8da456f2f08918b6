"""The records that Transform writes, read in batches."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.core import features
from components.modeling.record_batches import parse_batches

__all__ = ["TransformedBatch", "read_transformed"]

_PARSED = {
    features.TOKEN_IDS: tf.io.RaggedFeature(tf.int64),
    features.SEGMENT_IDS: tf.io.RaggedFeature(tf.int64),
    features.LABEL_IDS: tf.io.RaggedFeature(tf.int64),
    features.WEIGHT: tf.io.FixedLenFeature([], tf.float32),
    features.TARGETS: tf.io.RaggedFeature(tf.float32),
}


@dataclass(frozen=True)
class TransformedBatch:
    """Some rows in the order of their shard.

    Attributes:
        token_ids: int32 [tokens], of all rows end to end.
        segment_ids: int32 [tokens], or int32 [0] where texts stand alone.
        lengths: int64 [rows], tokens of each row.
        label_ids: int64 [labels], of all rows end to end.
        label_counts: int64 [rows].
        weights: float32 [rows].
        targets: float32 [rows, targets], NaN = unknown.
    """

    token_ids: NDArray[np.int32]
    segment_ids: NDArray[np.int32]
    lengths: NDArray[np.int64]
    label_ids: NDArray[np.int64]
    label_counts: NDArray[np.int64]
    weights: NDArray[np.float32]
    targets: NDArray[np.float32]


def read_transformed(shard: Path) -> Iterator[TransformedBatch]:
    """Yields a shard's rows in batches.

    Raises:
        DataError: the shard is corrupt, or holds other records.
    """
    for parsed in parse_batches(shard, _parse, written_by="Transform"):
        tokens, labels = parsed[features.TOKEN_IDS], parsed[features.LABEL_IDS]
        yield TransformedBatch(
            token_ids=tokens.values.numpy().astype(np.int32),
            segment_ids=parsed[features.SEGMENT_IDS].values.numpy().astype(np.int32),
            lengths=tokens.row_lengths().numpy().astype(np.int64),
            label_ids=labels.values.numpy(),
            label_counts=labels.row_lengths().numpy().astype(np.int64),
            weights=parsed[features.WEIGHT].numpy(),
            targets=parsed[features.TARGETS].values.numpy().reshape(tokens.nrows(), -1),
        )


def _parse(records: tf.Tensor) -> Mapping[str, Any]:
    parsed: Mapping[str, Any] = tf.io.parse_example(records, _PARSED)
    return parsed
