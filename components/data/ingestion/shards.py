"""Shards of one split, written piece by piece and numbered at the end."""

from pathlib import Path
from typing import Self

from components.data.records.tfrecord import RecordWriter

__all__ = ["ShardWriter", "number_shards"]

_PART = ".part-{name}-{number:05d}.tfrecord.gz"


class ShardWriter:
    """Writes the records of one staged part that belong to one split into shards of limited size.

    A shard's name depends on the part's name and its own number alone, so shards written again replace themselves.
    """

    def __init__(self, directory: Path, name: str, rows_per_shard: int) -> None:
        """Writes the records of the part `name` into `directory`, made if need be."""
        self._directory = directory
        self._name = name
        self._rows_per_shard = rows_per_shard
        self._shards = 0
        self._writer: RecordWriter | None = None
        self.count = 0

    def write(self, record: bytes) -> None:
        """Appends a record."""
        if self._writer is None or self._writer.count >= self._rows_per_shard:
            self._open_next()
        assert self._writer is not None
        self._writer.write(record)
        self.count += 1

    def close(self) -> None:
        """Finishes the open shard."""
        if self._writer is not None:
            self._writer.__exit__()
            self._writer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _open_next(self) -> None:
        self.close()
        self._directory.mkdir(parents=True, exist_ok=True)
        name = _PART.format(name=self._name, number=self._shards)
        self._writer = RecordWriter(self._directory / name)
        self._shards += 1


def number_shards(directory: Path, stem: str) -> None:
    """Renames the parts in `directory` to `<stem>-00000-of-00002.tfrecord.gz`, …, in the order of their sources.

    A split without records gets one shard without records, so that it is there to be counted.
    """
    directory.mkdir(parents=True, exist_ok=True)
    parts = sorted(directory.glob(".part-*"))
    if not parts:
        with RecordWriter(directory / f"{stem}-00000-of-00001.tfrecord.gz"):
            return
    for number, part in enumerate(parts):
        part.rename(directory / f"{stem}-{number:05d}-of-{len(parts):05d}.tfrecord.gz")
