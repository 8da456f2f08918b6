"""The rows of an audit, as ExampleGen wrote them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from components.core import features
from components.core.artifacts import Examples
from components.core.errors import DataError
from components.data.ingestion.corrections import RowKey
from components.data.records.example_proto import decode_example
from components.data.records.tfrecord import read_records
from components.modeling.heads import Head, arrange_targets

__all__ = ["AuditedRows", "read_audited_rows"]


@dataclass(frozen=True)
class AuditedRows:
    """Rows of one or several splits, in the order of their shards.

    Attributes:
        splits: split of each row.
        ids: row ids.
        texts: cleaned and masked.
        contexts: what was said before each text; None for nothing.
        groups: what each row belongs to; None for nothing.
        labels: the labels of each row.
        numbers: by row, number by target name, of those that are known.
    """

    splits: Sequence[str]
    ids: Sequence[str]
    texts: Sequence[str]
    contexts: Sequence[str | None]
    groups: Sequence[str | None]
    labels: Sequence[tuple[str, ...]]
    numbers: Sequence[Mapping[str, float]]

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def keys(self) -> list[RowKey]:
        """What each row is known by in a file of corrections."""
        parts = zip(self.texts, self.contexts, self.labels, self.numbers, strict=True)
        return [RowKey.of(*part) for part in parts]

    def targets(self, heads: Sequence[Head], labels: Sequence[str]) -> NDArray[np.float32]:
        """What is known of the heads' outputs, float32 [rows, outputs], as `arrange_targets` has it.

        Args:
            heads: the heads.
            labels: the label list of the data.

        Raises:
            DataError: the data do not have what a head answers, or a row has two labels where one must be.
        """
        positions = {label: position for position, label in enumerate(labels)}
        marks = np.zeros((len(self), len(labels)), np.uint8)
        for row, own in enumerate(self.labels):
            marks[row, [positions[label] for label in own]] = 1
        names = {name for row in self.numbers for name in row}
        numbers = {
            name: np.array([row.get(name, np.nan) for row in self.numbers], np.float32) for name in names
        }
        return arrange_targets(heads, positions, marks, numbers)


def read_audited_rows(examples: Examples, splits: Sequence[str]) -> AuditedRows:
    """Reads splits into memory.

    Raises:
        DataError: there is no such split, or no row in any.
    """
    if unknown := [split for split in splits if split not in examples.splits()]:
        raise DataError(
            f"the examples have no split {unknown[0]!r}; there are {', '.join(examples.splits()) or 'none'}"
        )
    records = [
        (split, decode_example(record))
        for split in splits
        for shard in examples.shards(split)
        for record in read_records(shard)
    ]
    if not records:
        raise DataError(f"no rows in {', '.join(splits)}; audit a split that has some")

    def optional(feature: str) -> list[str | None]:
        return [values[0].decode() if (values := row.get(feature)) else None for _, row in records]

    return AuditedRows(
        splits=[split for split, _ in records],
        ids=[row[features.ID][0].decode() for _, row in records],
        texts=[row[features.TEXT][0].decode() for _, row in records],
        contexts=optional(features.CONTEXT),
        groups=optional(features.GROUP),
        labels=[tuple(label.decode() for label in row.get(features.LABELS, ())) for _, row in records],
        numbers=[
            {
                name.removeprefix(features.TARGET_PREFIX): values[0]
                for name, values in row.items()
                if name.startswith(features.TARGET_PREFIX) and values
            }
            for _, row in records
        ],
    )
