"""Many tf.Examples at once: the bytes of `encode_example`, made column by column in NumPy.

A serialized tf.Example is nested: each message stands behind its tag and its length. Sizes are therefore worked out
from the inside to the outside for all rows together, and the parts of all rows are then laid out in one buffer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["BytesColumn", "Column", "NumberColumn", "Records", "encode_examples"]

_LENGTH_DELIMITED = 0x0A
"""Tag of field 1 of wire type 2, which every list, entry key, map and example begins with."""

_VALUE_TAG = 0x12
_KIND_TAGS = {"bytes": 0x0A, "float": 0x12, "int": 0x1A}
_VARINT_BITS = 7

_Sizes: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Records:
    """Byte strings end to end.

    Attributes:
        data: uint8 [bytes], all of them.
        sizes: int64 [records], the size of each.
    """

    data: NDArray[np.uint8]
    sizes: _Sizes

    def __len__(self) -> int:
        return len(self.sizes)

    @classmethod
    def of(cls, values: Iterable[bytes]) -> "Records":
        """Puts byte strings end to end."""
        values = list(values)
        data = np.frombuffer(b"".join(values), np.uint8)
        return cls(data, np.fromiter(map(len, values), np.int64, len(values)))

    def split(self) -> list[bytes]:
        """The byte strings one by one."""
        data = self.data.tobytes()
        ends = np.cumsum(self.sizes)
        return [
            data[start:end] for start, end in zip((ends - self.sizes).tolist(), ends.tolist(), strict=True)
        ]


@dataclass(frozen=True)
class NumberColumn:
    """A feature of integers or floats.

    Attributes:
        values: of all rows end to end; integers as int64_list, floats as float_list (float32).
        counts: int64 [rows], how many of them each row has.
    """

    values: NDArray[Any]
    counts: _Sizes


@dataclass(frozen=True)
class BytesColumn:
    """A feature of byte strings.

    Attributes:
        values: of all rows end to end.
        counts: int64 [rows], how many of them each row has.
    """

    values: Records
    counts: _Sizes

    @classmethod
    def of(cls, rows: Sequence[Sequence[bytes]]) -> "BytesColumn":
        """A column of the values of each row."""
        counts = np.fromiter(map(len, rows), np.int64, len(rows))
        return cls(Records.of(value for row in rows for value in row), counts)


Column: TypeAlias = NumberColumn | BytesColumn


def encode_examples(columns: Mapping[str, Column]) -> Records:
    """Serializes one tf.Example a row; the bytes are those of `encode_example` for the row's features.

    Args:
        columns: by feature name, all of the same number of rows; a row's count of 0 writes a feature without values.
    """
    entries: list[Records] = []
    for key, column in sorted(
        ((name.encode(), column) for name, column in columns.items()), key=_protobuf_order
    ):
        head = bytes([_LENGTH_DELIMITED, *_varint(len(key))]) + key + bytes([_VALUE_TAG])
        feature = _feature(column)
        sizes = _total(feature)
        value = [_varints(sizes), *feature]
        entries += _message(_LENGTH_DELIMITED, [_repeat(head, len(sizes)), *value])
    return _concatenate(_message(_LENGTH_DELIMITED, entries))


def _protobuf_order(entry: tuple[bytes, Column]) -> bytes:
    """Sorts as protobuf's deterministic serialization does: by bytes, but a name before those that it begins with."""
    return entry[0] + b"\xff"


def _feature(column: Column) -> list[Records]:
    """The parts of each row's `Feature` message, empty where there is no value."""
    if isinstance(column, BytesColumn):
        kind = "bytes"
        values = [_sum_rows(_concatenate(_message(_LENGTH_DELIMITED, [column.values])), column.counts)]
    elif np.issubdtype(column.values.dtype, np.floating):
        kind, raw = "float", np.ascontiguousarray(column.values, "<f4").view(np.uint8)
        values = _message(_LENGTH_DELIMITED, [Records(raw, 4 * column.counts)])
    else:
        kind, packed = "int", _sum_rows(_varints(column.values), column.counts)
        values = _message(_LENGTH_DELIMITED, [packed])
    present = column.counts > 0
    return [_where(present, part) for part in _message(_KIND_TAGS[kind], values)]


def _message(tag: int, parts: Sequence[Records]) -> list[Records]:
    """The parts of a message behind its tag and its size."""
    sizes = _total(parts)
    return [_repeat(bytes([tag]), len(sizes)), _varints(sizes), *parts]


def _total(parts: Sequence[Records]) -> _Sizes:
    sizes: _Sizes = np.sum([part.sizes for part in parts], axis=0, dtype=np.int64)
    return sizes


def _sum_rows(values: Records, counts: _Sizes) -> Records:
    """Joins the values of each row: the bytes stay where they are."""
    ends = np.concatenate([[0], np.cumsum(values.sizes)])[np.concatenate([[0], np.cumsum(counts)])]
    return Records(values.data, np.diff(ends))


def _repeat(value: bytes, rows: int) -> Records:
    data = np.tile(np.frombuffer(value, np.uint8), rows)
    return Records(data, np.full(rows, len(value), np.int64))


def _where(kept: NDArray[np.bool_], records: Records) -> Records:
    """Empties the records that are not kept."""
    if kept.all():
        return records
    return Records(records.data[np.repeat(kept, records.sizes)], np.where(kept, records.sizes, 0))


def _concatenate(parts: Sequence[Records]) -> Records:
    """Joins the first records of all parts, then the second ones, and so on."""
    sizes = _total(parts)
    starts = np.cumsum(sizes) - sizes
    data = np.empty(int(sizes.sum()), np.uint8)
    for part in parts:
        data[_places(part.sizes, starts)] = part.data
        starts = starts + part.sizes
    return Records(data, sizes)


def _places(sizes: _Sizes, starts: _Sizes) -> NDArray[np.int64]:
    """Where each byte goes of records that go to `starts`."""
    if len(sizes) and (sizes == sizes[0]).all():
        return (starts[:, np.newaxis] + np.arange(sizes[0])).ravel()
    own_starts = np.cumsum(sizes) - sizes
    return np.repeat(starts - own_starts, sizes) + np.arange(int(sizes.sum()))


def _varints(numbers: NDArray[Any]) -> Records:
    """Protobuf's base-128 form of each number; a negative one takes ten bytes."""
    left = numbers.astype(np.int64).view(np.uint64)
    longest = max(1, -(-int(left.max(initial=0)).bit_length() // _VARINT_BITS))
    septets = np.empty((len(left), longest), np.uint8)
    sizes = np.ones(len(left), np.int64)
    for position in range(longest):
        septets[:, position] = left & np.uint64(0x7F)
        left = left >> np.uint64(_VARINT_BITS)
        more = left > 0
        septets[:, position] |= more.astype(np.uint8) << _VARINT_BITS
        sizes += more
    return Records(septets[np.arange(longest) < sizes[:, np.newaxis]], sizes)


def _varint(number: int) -> bytes:
    return _varints(np.array([number])).data.tobytes()
