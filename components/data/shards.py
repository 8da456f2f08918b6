"""Shards of one split, written piece by piece and numbered at the end."""

from pathlib import Path
from typing import Self

from components.data.tfrecord import RecordWriter

__all__ = ["ShardWriter", "number_shards"]

_PART = ".part-{source:05d}-{part:05d}.tfrecord.gz"


class ShardWriter:
    """Writes the records of one source file that belong to one split into parts of limited size.

    A part's name depends on the source's position and its own alone, so parts written again replace themselves.
    """

    def __init__(self, directory: Path, source: int, rows_per_shard: int) -> None:
        """Writes the records of source number `source` into `directory`, made if need be."""
        self._directory = directory
        self._source = source
        self._rows_per_shard = rows_per_shard
        self._parts = 0
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
        """Finishes the open part."""
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
        name = _PART.format(source=self._source, part=self._parts)
        self._writer = RecordWriter(self._directory / name)
        self._parts += 1


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
