"""Damaged .tflite files: each depends on its number alone."""

from pathlib import Path
from random import Random

import numpy as np
from ai_edge_litert import schema_py_generated as schema

__all__ = ["Base", "mutant"]

_TELLING = (
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    127,
    128,
    255,
    256,
    65535,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**32 - 4,
    2**32 - 16,
)
"""Numbers that offsets, sizes and enums take badly."""


class Base:
    """A good file, and where in it something other than a weight stands."""

    def __init__(self, path: Path) -> None:
        self.content = path.read_bytes()
        is_structure = np.ones(len(self.content), bool)
        whole = np.frombuffer(self.content, np.uint8)
        model = schema.Model.GetRootAs(self.content, 0)
        for number in range(model.BuffersLength()):
            if not model.Buffers(number).DataIsNone():
                data = model.Buffers(number).DataAsNumpy()
                start = data.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
                is_structure[start : start + len(data)] = False
        self.structure = np.flatnonzero(is_structure[:-4])


def mutant(base: Base, random: Random) -> bytes:
    """The file after one to eight changes, and now and then cut off."""
    content = bytearray(base.content)
    for _ in range(random.choice((1, 1, 1, 2, 4, 8))):
        position = _position(base, random) % max(1, len(content) - 4)
        random.choice((_flip, _set_byte, _set_number, _set_number, _nudge, _zero, _move, _drop, _repeat))(
            content, position, random
        )
    if random.random() < 0.1:
        del content[random.randrange(len(content)) :]
    return bytes(content)


def _position(base: Base, random: Random) -> int:
    if random.random() < 0.8:
        return int(base.structure[random.randrange(len(base.structure))])
    return random.randrange(len(base.content) - 4)


def _flip(content: bytearray, position: int, random: Random) -> None:
    content[position] ^= 1 << random.randrange(8)


def _set_byte(content: bytearray, position: int, random: Random) -> None:
    content[position] = random.randrange(256)


def _set_number(content: bytearray, position: int, random: Random) -> None:
    value = random.choice(_TELLING) if random.random() < 0.7 else random.randrange(2**32)
    position -= position % 4
    content[position : position + 4] = value.to_bytes(4, "little")


def _nudge(content: bytearray, position: int, random: Random) -> None:
    """Offsets that are a little off still lead somewhere."""
    position -= position % 4
    value = int.from_bytes(content[position : position + 4], "little") + random.choice(
        (-8, -4, -1, 1, 4, 8, 64)
    )
    content[position : position + 4] = (value % 2**32).to_bytes(4, "little")


def _zero(content: bytearray, position: int, random: Random) -> None:
    count = min(random.choice((2, 4, 16, 256)), len(content) - position)
    content[position : position + count] = bytes(count)


def _move(content: bytearray, position: int, random: Random) -> None:
    count = random.choice((4, 8, 32, 128))
    source = random.randrange(max(1, len(content) - count))
    piece = content[source : source + min(count, len(content) - position)]
    content[position : position + len(piece)] = piece


def _drop(content: bytearray, position: int, random: Random) -> None:
    if random.random() < 0.3:
        del content[position : position + random.choice((1, 4, 16, 1000))]


def _repeat(content: bytearray, position: int, random: Random) -> None:
    if random.random() < 0.3:
        content[position:position] = content[position : position + random.choice((1, 4, 16, 1000))]
