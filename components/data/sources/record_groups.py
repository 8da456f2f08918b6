"""What a file of columns says of itself before it is read."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["RecordGroups"]


@dataclass(frozen=True)
class RecordGroups:
    """The row groups of a Parquet file, or the record batches of an Arrow file.

    Attributes:
        columns: names of all columns; a field inside a structure is `column.field`.
        rows: number of rows of each group, in order.
        sizes: their sizes, bytes as they are in memory.
        class_names: names of the classes in the order of their ids, by column, where the file has them.
    """

    columns: tuple[str, ...]
    rows: tuple[int, ...]
    sizes: tuple[int, ...]
    class_names: Mapping[str, tuple[str, ...]]
