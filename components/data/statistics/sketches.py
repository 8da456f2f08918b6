"""How often strings occur, in bounded memory: exact while few differ, by sketches beyond."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import filterfalse
from typing import Any

__all__ = ["EXACT_BYTES", "EXACT_STRINGS", "INVALID_UTF8", "Frequencies", "StringCounts", "as_label"]

EXACT_STRINGS = 1 << 16
"""Up to this many different strings are counted exactly, about 13 MB of short texts."""

EXACT_BYTES = 1 << 26
"""Up to this many bytes of different strings are counted exactly: a text may be megabytes long."""

INVALID_UTF8 = "__BYTES_VALUE__"
"""What TFDV writes in place of a value that is no UTF-8."""

_LG_UNIQUE = 14
_LG_FREQUENT = 14
_LONGEST_LABEL = 1000


@dataclass(frozen=True)
class Frequencies:
    """What is known of strings and their counts.

    Attributes:
        unique: number of different strings.
        unique_bounds: between what it lies with 95 % probability; both are `unique` while all is exact.
        ranked: the most frequent strings and their counts, most frequent first. A string longer than 1,000 characters
            is cut there.
        max_error: by how much at most a count is too high, and how often a string that is not listed may occur.
        is_exact: whether these are no estimates.
    """

    unique: int
    unique_bounds: tuple[int, int]
    ranked: Sequence[tuple[str, int]]
    max_error: int
    is_exact: bool


class StringCounts:
    """Accumulates strings.

    While there are at most `limit` different ones of at most `max_bytes` together, every count is exact and does not
    depend on the order. Beyond, their number is estimated by a theta sketch of 16,384 hashes (relative standard error
    0.8 %, the same in any order) and the most frequent ones by a frequent-items sketch (an error of at most 0.02 % of
    all values; Anderson et al., IMC 2017), both of Apache DataSketches.
    """

    def __init__(self, *, limit: int = EXACT_STRINGS, max_bytes: int = EXACT_BYTES) -> None:
        self.total = 0
        self._limit = limit
        self._max_bytes = max_bytes
        self._counts: Counter[bytes] = Counter()
        self._bytes = 0
        self._sketches: _Sketches | None = None

    @property
    def is_exact(self) -> bool:
        """Whether every string is counted as it is."""
        return self._sketches is None

    def add_all(self, values: Sequence[bytes]) -> None:
        """Counts strings."""
        self.total += len(values)
        # A set's `difference` would go through all strings so far, as a Counter is no plain dict.
        self._bytes += sum(map(len, filterfalse(self._counts.__contains__, set(values))))
        self._counts.update(values)
        self._bound()

    def add(self, value: bytes, count: int) -> None:
        """Counts a string `count` times."""
        self.total += count
        self._insert(value, count)
        self._bound()

    def merge(self, other: "StringCounts") -> None:
        """Adds what `other` has counted."""
        self.total += other.total
        if other._sketches is not None:
            self._flush()
            assert self._sketches is not None
            self._sketches.merge(other._sketches)
        for value, count in other._counts.items():
            self._insert(value, count)
        self._bound()

    def exact_counts(self) -> Mapping[bytes, int]:
        """How often each string occurred; only while all is exact."""
        assert self.is_exact
        return self._counts

    def extract(self, most: int) -> Frequencies:
        """What is known so far, with at most `most` of the most frequent strings."""
        if self._sketches is None:
            ranked = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
            unique = len(self._counts)
            shown = [(as_label(value), count) for value, count in ranked[:most]]
            return Frequencies(unique, (unique, unique), shown, 0, True)
        self._flush()
        return self._sketches.extract(most)

    def _insert(self, value: bytes, count: int) -> None:
        if value not in self._counts:
            self._bytes += len(value)
        self._counts[value] += count

    def _bound(self) -> None:
        if len(self._counts) > self._limit or self._bytes > self._max_bytes:
            self._flush()

    def _flush(self) -> None:
        if self._sketches is None:
            self._sketches = _Sketches()
        self._sketches.add_all(self._counts)
        self._counts.clear()
        self._bytes = 0


class _Sketches:
    """The two sketches; they travel between workers in their serialized forms."""

    def __init__(self) -> None:
        import datasketches  # type: ignore[import-untyped]

        self._unique = datasketches.update_theta_sketch(_LG_UNIQUE)
        self._merged = datasketches.theta_union(_LG_UNIQUE)
        self._frequent = datasketches.frequent_strings_sketch(_LG_FREQUENT)

    def add_all(self, counts: Mapping[bytes, int]) -> None:
        unique, frequent = self._unique.update, self._frequent.update
        for value, count in counts.items():
            unique(value.decode(errors="backslashreplace"))
            frequent(as_label(value), count)

    def merge(self, other: "_Sketches") -> None:
        self._merged.update(other._union())
        self._frequent.merge(other._frequent)

    def extract(self, most: int) -> Frequencies:
        import datasketches

        union, frequent = self._union(), self._frequent
        kind = datasketches.frequent_items_error_type.NO_FALSE_POSITIVES
        found = [(label, estimate) for label, estimate, _, _ in frequent.get_frequent_items(kind)]
        found.sort(key=lambda item: (-item[1], item[0]))
        unseen = frequent.get_upper_bound("\0 of no text")
        bounds = round(union.get_lower_bound(2)), round(union.get_upper_bound(2))
        return Frequencies(round(union.get_estimate()), bounds, found[:most], unseen, False)

    def __getstate__(self) -> tuple[bytes, bytes]:
        return self._union().serialize(), self._frequent.serialize()

    def __setstate__(self, state: tuple[bytes, bytes]) -> None:
        import datasketches

        self.__init__()  # type: ignore[misc]
        self._merged.update(datasketches.compact_theta_sketch.deserialize(state[0]))
        self._frequent = datasketches.frequent_strings_sketch.deserialize(state[1])

    def _union(self) -> Any:
        """The set of all strings so far: the 16,384 smallest hashes, whatever the order they came in."""
        import datasketches

        union = datasketches.theta_union(_LG_UNIQUE)
        union.update(self._merged.get_result())
        union.update(self._unique)
        return union.get_result()


def as_label(value: bytes) -> str:
    """A value as it is listed: what is very long is cut, and told from others that begin alike by its digest."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return INVALID_UTF8
    if len(text) <= _LONGEST_LABEL:
        return text
    return f"{text[:_LONGEST_LABEL]}… {blake2b(value, digest_size=8).hexdigest()}"
