"""The canonical cleaning as the table that TensorFlow Text's FastBertNormalize works by.

The operator replaces code point by code point, what by stands in a model of its own: a flatbuffer with a trie of the
code points that change, in UTF-8, and a pool of what they become (`fast_bert_normalizer.h` of tensorflow/text). The one
that comes with TensorFlow Text folds compatibility forms, which BERT's cleaning does not; this one holds our cleaning.

The trie is darts-clone's double array: a unit for each byte of a key. From the unit at `p`, whose offset leads to the
base `b = p ^ offset`, the byte `c` leads to `b ^ c`, whose label must be `c`; the value of a key that ends is at `b`.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping

import flatbuffers
import numpy as np
import numpy.typing as npt

from tflite.text import NEWER_THAN_UNICODE_13, CleaningRules, clean_characters

__all__ = ["double_array", "normalizer_table"]

_NEWER = re.compile(f"[{NEWER_THAN_UNICODE_13}]")
_NEVER_CHANGED = frozenset({"Cn", "Co"})
"""Unassigned and private: three quarters of all code points."""

_DIFFERENT = 1 << 30
_LENGTH_BITS = 6
_LONGEST = (1 << _LENGTH_BITS) - 1
"""Bytes that one character can become."""

_ROOT_BASE = 256
_IS_VALUE = 1 << 31
_HAS_LEAF = 1 << 8
_OFFSET_SHIFT = 10
_CONTINUATION = 0x80
_BLOCK = 64
"""Bytes that can follow within a code point: 0x80 to 0xbf."""


def normalizer_table(rules: CleaningRules) -> bytes:
    """The model of FastBertNormalize that does steps 2 to 6 of `tflite.text.clean_text`, code point by code point.

    What is not done: the order of two spacing marks that follow each other, which NFD may change.

    Raises:
        ValueError: one of the rules' `characters` becomes more than 63 bytes.
    """
    pool = bytearray()
    places: dict[bytes, int] = {}
    values: dict[bytes, int] = {}
    for character, cleaned in _changed(rules):
        replacement = cleaned.encode()
        if len(replacement) > _LONGEST:
            raise ValueError(
                f"characters: {character!r} becomes {len(replacement)} bytes; within the graph at most {_LONGEST} fit"
            )
        if replacement not in places:
            places[replacement] = len(pool)
            pool += replacement
        values[character.encode()] = _DIFFERENT | places[replacement] << _LENGTH_BITS | len(replacement)
    zero = values.pop(b"\0", 0)
    return _flatbuffer(double_array(values), zero, bytes(pool))


def _changed(rules: CleaningRules) -> Iterable[tuple[str, str]]:
    for character in map(chr, range(0x110000)):
        category = unicodedata.category(character)
        if category == "Cs":
            continue  # has no UTF-8 form
        if category in _NEVER_CHANGED and not _NEWER.match(character) and character not in rules.characters:
            continue
        cleaned = clean_characters(character, rules)
        if cleaned != character:
            yield character, cleaned


def double_array(values: Mapping[bytes, int]) -> npt.NDArray[np.uint32]:
    """The trie of code points in UTF-8 (not NUL) with values below 2^31, uint32 [units].

    Bytes that continue a code point have blocks of 64 units for themselves, a block for each that can be before them;
    values take the units that are left. No two bases are the same, so a label proves the way.
    """
    inner = sorted({key[:end] for key in values for end in range(1, len(key))})
    base = {b"": _ROOT_BASE}
    base |= {
        prefix: (2 * _ROOT_BASE + number * _BLOCK) ^ _CONTINUATION for number, prefix in enumerate(inner)
    }
    place = {b"": 0} | {prefix: base[prefix[:-1]] ^ prefix[-1] for prefix in {*inner, *values}}
    taken = {*place.values(), *base.values()}
    size = 2 * _ROOT_BASE + len(inner) * _BLOCK + len(values)
    free = (unit for unit in range(1, 2 * size) if unit not in taken)
    base |= {key: next(free) for key in sorted(values)}
    units = np.zeros(-(-(max(base.values()) + 1) // _ROOT_BASE) * _ROOT_BASE, np.uint32)
    for prefix, position in place.items():
        label = prefix[-1] if prefix else 0
        leaf = _HAS_LEAF if prefix in values else 0
        units[position] = (position ^ base[prefix]) << _OFFSET_SHIFT | leaf | label
    for key, value in values.items():
        units[base[key]] = _IS_VALUE | value
    return units


def _flatbuffer(trie: npt.NDArray[np.uint32], zero: int, pool: bytes) -> bytes:
    """FastBertNormalizerModel: whether it lowers (which nothing reads), trie, value of NUL, pool."""
    builder = flatbuffers.Builder(4 * len(trie) + len(pool) + 256)
    pool_vector = builder.CreateByteVector(pool)
    trie_vector = builder.CreateNumpyVector(trie)
    builder.StartObject(4)
    builder.PrependUOffsetTRelativeSlot(1, trie_vector, 0)
    builder.PrependInt32Slot(2, zero, 0)
    builder.PrependUOffsetTRelativeSlot(3, pool_vector, 0)
    builder.Finish(builder.EndObject())
    return bytes(builder.Output())
