"""The raw texts of a split with what is known about them: what the Evaluator asks a model about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from components.core import features
from components.core.artifacts import Examples
from components.core.errors import DataError
from components.data.records.example_proto import decode_example
from components.data.records.tfrecord import read_records
from components.modeling.heads import Head, arrange_targets

__all__ = ["LabelledTexts", "read_labelled_texts"]

_Record: TypeAlias = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class LabelledTexts:
    """The rows of one split, in the order of its shards.

    Attributes:
        ids: row ids.
        texts: as in the source.
        targets: float32 [rows, outputs], as `components.modeling.heads.arrange_targets` has them: 1 = the text has the
            label, a number of a regression head, NaN = unknown.
        slices: value by row (None = absent) for each slice column.
        contexts: what was said before each text, "" for nothing; None if the rows are not known to have any.
    """

    ids: Sequence[str]
    texts: Sequence[str]
    targets: NDArray[np.float32]
    slices: Mapping[str, Sequence[str | None]]
    contexts: Sequence[str] | None = None


def read_labelled_texts(examples: Examples, split: str, heads: Sequence[Head]) -> LabelledTexts:
    """Reads one split into memory, with what is known of the outputs of these heads.

    Raises:
        DataError: there is no such split, it has no rows, a row has a label that is not in the label list, or the data
            do not have what a head answers.
    """
    if split not in examples.splits():
        known = ", ".join(examples.splits()) or "none"
        raise DataError(
            f"the examples have no split {split!r}, only {known}; change evaluator.split or the data"
        )
    records = [decode_example(record) for shard in examples.shards(split) for record in read_records(shard)]
    if not records:
        raise DataError(f"split {split!r} holds no examples; add rows to it or change evaluator.split")
    columns = sorted(
        {name for record in records for name in record if name.startswith(features.SLICE_PREFIX)}
    )
    return LabelledTexts(
        ids=[_text(record, features.ID) or "" for record in records],
        texts=[_text(record, features.TEXT) or "" for record in records],
        targets=_targets(records, examples, heads),
        slices={
            column.removeprefix(features.SLICE_PREFIX): [_text(record, column) for record in records]
            for column in columns
        },
        contexts=[_text(record, features.CONTEXT) or "" for record in records],
    )


def _text(record: _Record, feature: str) -> str | None:
    values = record.get(feature)
    return values[0].decode("utf-8") if values else None


def _targets(records: Sequence[_Record], examples: Examples, heads: Sequence[Head]) -> NDArray[np.float32]:
    labels = {label: position for position, label in enumerate(examples.labels())}
    numbers = {name: _numbers(records, features.TARGET_PREFIX + name) for name in examples.targets()}
    return arrange_targets(heads, labels, _marks(records, labels), numbers)


def _marks(records: Sequence[_Record], labels: Mapping[str, int]) -> NDArray[np.uint8]:
    """uint8 [rows, labels]: 1 = the text has the label."""
    positions = {label.encode("utf-8"): position for label, position in labels.items()}
    marks = np.zeros((len(records), len(labels)), np.uint8)
    for row, record in enumerate(records):
        for label in record.get(features.LABELS, ()):
            if label not in positions:
                raise DataError(
                    f"row {_text(record, features.ID)!r} has the label {label.decode('utf-8')!r}, which is not in "
                    "the label list of the examples; rerun ExampleGen"
                )
            marks[row, positions[label]] = 1
    return marks


def _numbers(records: Sequence[_Record], feature: str) -> NDArray[np.float32]:
    """float32 [rows], NaN = unknown."""
    return np.array([(*record.get(feature, ()), np.nan)[0] for record in records], np.float32)
