"""What is kept of every row to find its duplicates: hashes, its words as one string, and its LSH band keys.

A row costs about 300 bytes on disk, whatever its text; nothing else of it is needed until a group is shown.
"""

import re
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BANDS",
    "Pool",
    "SignatureWriter",
    "Signatures",
    "band_keys",
    "read_band",
    "read_signatures",
    "text_hash",
    "word_string",
]

BANDS = 24
ROWS_PER_BAND = 4
"""MinHash values in a band. Texts whose word sets overlap by J (Jaccard) agree in at least one of b bands of r values
with probability 1 - (1 - J^r)^b (Broder, 1997; Leskovec et al., Mining of Massive Datasets, 3.4): 0.96 at J = 0.6,
which is where three of four words are shared, and 0.25 at J = 0.33."""

_CHUNK_ROWS = 1024
_MAX_REMEMBERED_WORDS = 1 << 20
_FIRST_CODE_POINT = 0x10000
_CODE_POINTS = 0x10FFFF - _FIRST_CODE_POINT
_CJK = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORDS = re.compile(f"[{_CJK}]|[^\\W{_CJK}]+")
"""Runs of letters and digits; an ideograph, or a kana, is a word of its own, as no space tells where words end."""


class Pool:
    """How a row came to its split, and so whether it may be moved to another one."""

    FIXED = 0
    """Its file belongs to the split, or its `group` decides."""
    DEALT = 1
    """By hash among all splits."""
    CARVED = 2
    """By hash between train and validation."""


@dataclass(frozen=True)
class Signatures:
    """The rows of one staged part, or of all of them, in order.

    Attributes:
        texts: uint64 [rows], hash of the text, and its context if that counts, without differences in case and white
            space.
        labels: uint64 [rows], hash of the set of labels.
        splits: uint8 [rows], position of the split in the plan's list of splits.
        pools: uint8 [rows], values of `Pool`.
        lengths: int64 [rows], words by row.
        bits: uint64 [rows], a bit by the hash of each word: a Bloom filter (1970) with one hash function.
        words: all words of all rows, one character each: equal characters are equal words.
    """

    texts: NDArray[np.uint64]
    labels: NDArray[np.uint64]
    splits: NDArray[np.uint8]
    pools: NDArray[np.uint8]
    lengths: NDArray[np.int64]
    bits: NDArray[np.uint64]
    words: str

    def __len__(self) -> int:
        return len(self.texts)


def text_hash(text: str) -> int:
    """64 bits of BLAKE2b."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


class _WordCharacters(dict[str, str]):
    """A character by word: its CRC-32, folded into the planes above the basic one."""

    def __missing__(self, word: str) -> str:
        if len(self) >= _MAX_REMEMBERED_WORDS:
            self.clear()
        character = self[word] = chr(_FIRST_CODE_POINT + zlib.crc32(word.encode()) % _CODE_POINTS)
        return character


_CHARACTERS = _WordCharacters()


def word_string(text: str) -> str:
    """The text's words without case and punctuation, one character a word.

    Two different words get the same character once in a million times, so comparing such strings compares words, at
    the speed of comparing characters.
    """
    return "".join(map(_CHARACTERS.__getitem__, _WORDS.findall(text.casefold())))


@dataclass
class SignatureWriter:
    """Collects the signatures of one part and writes them to `<stem>.npz` and `<stem>.bands.npy`.

    Attributes:
        stem: path without extension.
        near: whether nearly equal texts are looked for; without, words and bands are left out.
    """

    stem: Path
    near: bool
    _texts: "array[int]" = field(default_factory=lambda: array("Q"))
    _contexts: "array[int]" = field(default_factory=lambda: array("Q"))
    _labels: "array[int]" = field(default_factory=lambda: array("Q"))
    _splits: bytearray = field(default_factory=bytearray)
    _pools: bytearray = field(default_factory=bytearray)
    _lengths: "array[int]" = field(default_factory=lambda: array("L"))
    _words: list[str] = field(default_factory=list)

    def add(
        self, text: str, normalized: str, labels: Sequence[str], split: int, pool: int, *, context: str = ""
    ) -> None:
        """Adds a row.

        Args:
            text: the row's text.
            normalized: the same without differences in case and white space.
            labels: in the order of the label list.
            split: position of its split.
            pool: a value of `Pool`.
            context: what was said before, normalized likewise, if texts count as equal, or nearly so, only where
                it is equal.
        """
        self._texts.append(text_hash(f"{normalized}\0{context}" if context else normalized))
        self._contexts.append(text_hash(context) if context else 0)
        self._labels.append(text_hash("\0".join(labels)))
        self._splits.append(split)
        self._pools.append(pool)
        words = word_string(text) if self.near else ""
        self._lengths.append(len(words))
        self._words.append(words)

    def close(self) -> None:
        """Writes the files."""
        lengths = np.array(self._lengths, np.int64)
        words = np.frombuffer("".join(self._words).encode("utf-32-le"), np.uint32)
        np.savez(
            self.stem.with_suffix(".npz"),
            texts=np.array(self._texts, np.uint64),
            labels=np.array(self._labels, np.uint64),
            splits=np.frombuffer(bytes(self._splits), np.uint8),
            pools=np.frombuffer(bytes(self._pools), np.uint8),
            lengths=lengths,
            bits=_word_bits(words, lengths),
            words=words,
        )
        if self.near:
            # Only texts that have a key in common are compared.
            np.save(_bands_path(self.stem), band_keys(words, lengths) ^ np.array(self._contexts, np.uint64))


def band_keys(words: NDArray[np.uint32], lengths: NDArray[np.int64]) -> NDArray[np.uint64]:
    """LSH band keys, uint64 [bands, rows]: rows with an equal key in a band are likely to share most of their words.

    Args:
        words: uint32 [words], the code points of all rows' words.
        lengths: int64 [rows], words by row; a row without words gets keys that no other row has.
    """
    values = BANDS * ROWS_PER_BAND
    random = np.random.default_rng(0)
    factors = random.integers(0, 1 << 32, values, dtype=np.uint32) | np.uint32(1)
    offsets = random.integers(0, 1 << 32, values, dtype=np.uint32)
    keys = np.empty((BANDS, len(lengths)), np.uint64)
    ends = np.cumsum(lengths)
    mixed = _mix(words)
    for first in range(0, len(lengths), _CHUNK_ROWS):
        chunk = slice(first, first + _CHUNK_ROWS)
        filled = np.flatnonzero(lengths[chunk])
        keys[:, chunk] = np.arange(first, first + len(lengths[chunk]), dtype=np.uint64)
        if not len(filled):
            continue
        start = ends[first] - lengths[first]
        hashed = mixed[start : ends[chunk][-1], None] * factors + offsets
        starts = (ends[chunk] - lengths[chunk])[filled] - start
        smallest = np.minimum.reduceat(hashed, starts, axis=0)
        keys[:, first + filled] = _combine(smallest).T
    return keys


def _word_bits(words: NDArray[np.uint32], lengths: NDArray[np.int64]) -> NDArray[np.uint64]:
    bits = np.zeros(len(lengths), np.uint64)
    filled = np.flatnonzero(lengths)
    if len(filled):
        of_words = np.uint64(1) << (_mix(words) & np.uint32(63)).astype(np.uint64)
        bits[filled] = np.bitwise_or.reduceat(of_words, (np.cumsum(lengths) - lengths)[filled])
    return bits


def _mix(words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """A bijection of 32 bits whose output looks random (Wellons, hash-prospector): MinHash needs that."""
    mixed = words.copy()
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        mixed ^= mixed >> np.uint32(shift)
        mixed *= np.uint32(factor)
    mixed ^= mixed >> np.uint32(16)
    return mixed


def _combine(smallest: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """One key, uint64 [rows, bands], from the values of each band."""
    banded = smallest.reshape(len(smallest), BANDS, ROWS_PER_BAND).astype(np.uint64)
    keys = np.zeros(banded.shape[:2], np.uint64)
    for position in range(ROWS_PER_BAND):
        keys = (keys ^ banded[:, :, position]) * np.uint64(0x9E3779B97F4A7C15)
        keys ^= keys >> np.uint64(29)
    return keys


def read_signatures(stems: Sequence[Path]) -> Signatures:
    """The signatures of all parts, end to end."""
    parts = [np.load(stem.with_suffix(".npz")) for stem in stems]

    def joined(name: str) -> NDArray[np.generic]:
        return np.concatenate([part[name] for part in parts]) if parts else np.zeros(0)

    return Signatures(
        texts=joined("texts").astype(np.uint64, copy=False),
        labels=joined("labels").astype(np.uint64, copy=False),
        splits=joined("splits").astype(np.uint8, copy=False),
        pools=joined("pools").astype(np.uint8, copy=False),
        lengths=joined("lengths").astype(np.int64, copy=False),
        bits=joined("bits").astype(np.uint64, copy=False),
        words=joined("words").astype(np.uint32, copy=False).tobytes().decode("utf-32-le"),
    )


def read_band(stems: Sequence[Path], band: int) -> NDArray[np.uint64]:
    """The keys of one band for the rows of all parts, uint64 [rows]; the other bands are not read."""
    return np.concatenate([np.load(_bands_path(stem), mmap_mode="r")[band] for stem in stems])


def _bands_path(stem: Path) -> Path:
    return stem.with_suffix(".bands.npy")
