"""Staged records into the shards of their splits."""

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from components.core import features
from components.core.errors import StageError
from components.data.duplicates.account import ShownRow
from components.data.duplicates.placement import DROPPED
from components.data.ingestion.shards import ShardWriter
from components.data.records.example_proto import decode_example
from components.data.records.tfrecord import read_records

__all__ = ["PartPlacement", "PartReport", "distribute_part"]


@dataclass(frozen=True)
class PartPlacement:
    """Where the records of one staged part go.

    Attributes:
        name: as `part_name` gave it.
        splits: uint8 [records] as bytes: the position of each record's split, or `DROPPED`.
        shown: positions of the records whose texts are wanted.
        first_row: position of the part's first record among all.
    """

    name: str
    splits: bytes
    shown: frozenset[int]
    first_row: int


@dataclass
class PartReport:
    """What became of one staged part.

    Attributes:
        name: the part.
        written: records by split.
        dropped: records left out.
        shown: the wanted records, by position among all.
    """

    name: str
    written: Counter[str] = field(default_factory=Counter)
    dropped: int = 0
    shown: dict[int, ShownRow] = field(default_factory=dict)


def distribute_part(
    part: PartPlacement,
    split_names: Sequence[str],
    staged: Path,
    directory: Path,
    *,
    rows_per_shard: int,
) -> PartReport:
    """Copies the records of a part into the shards of their splits, in order; running again replaces these.

    Args:
        part: where each record goes.
        split_names: names by position.
        staged: the part's records.
        directory: where the directories of the splits are, or are made.
        rows_per_shard: most records in one shard.

    Raises:
        StageError: there are not as many records as were staged.
    """
    report = PartReport(part.name)
    writers: dict[int, ShardWriter] = {}
    count = 0
    with ExitStack() as stack:
        for count, record in enumerate(read_records(staged), start=1):
            if count > len(part.splits):
                break
            split = part.splits[count - 1]
            if count - 1 in part.shown:
                report.shown[part.first_row + count - 1] = _show(record)
            if split == DROPPED:
                report.dropped += 1
                continue
            if split not in writers:
                target = directory / f"Split-{split_names[split]}"
                writers[split] = stack.enter_context(ShardWriter(target, part.name, rows_per_shard))
            writers[split].write(record)
    if count != len(part.splits):
        raise StageError(
            f"part {part.name}: {len(part.splits)} records were staged but {count} are there; run again"
        )
    report.written.update({split_names[split]: writer.count for split, writer in writers.items()})
    return report


def _show(record: bytes) -> ShownRow:
    example = decode_example(record)
    return ShownRow(
        id=example[features.ID][0].decode(),
        text=example[features.TEXT][0].decode(),
        labels=tuple(label.decode() for label in example[features.LABELS]),
    )
