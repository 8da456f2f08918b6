"""Shards of tf.Examples, parsed in batches by TensorFlow while the next records are read."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

import tensorflow as tf

from components.core.errors import DataError
from components.data.records.read_ahead import one_ahead
from components.data.records.tfrecord import read_records

__all__ = ["parse_batches"]

_BATCH_ROWS = 4096

T = TypeVar("T")


def parse_batches(shard: Path, parse: Callable[[tf.Tensor], T], *, written_by: str) -> Iterator[T]:
    """Yields what `parse` makes of each batch of records, in order.

    Args:
        shard: a TFRecord file.
        parse: takes serialized tf.Examples, string [batch].
        written_by: the stage that an error message sends back to.

    Raises:
        DataError: the shard is corrupt, or its records are not what `parse` takes.
    """
    for records in one_ahead(_batches(shard)):
        try:
            parsed = parse(tf.constant(records))
        except (tf.errors.InvalidArgumentError, UnicodeDecodeError) as err:
            # TensorFlow quotes the record, which may be no text at all.
            raise DataError(
                f"{shard}: no examples as {written_by} writes them; run {written_by} again"
            ) from err
        yield parsed


def _batches(shard: Path) -> Iterator[list[bytes]]:
    records = read_records(shard)
    while batch := list(islice(records, _BATCH_ROWS)):
        yield batch
