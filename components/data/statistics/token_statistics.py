"""What the encoder's vocabulary makes of texts: TFDV's natural-language statistics, accumulated in bounded memory."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from components.data.statistics.distribution import Distribution
from components.data.statistics.sketches import StringCounts
from components.data.statistics.word_table import WordTable
from tflite.host_tokenizer import TokenizerSpec

__all__ = [
    "POSITION_BUCKETS",
    "UNKNOWN_TOKEN",
    "SpecialTokenStatistics",
    "TokenCounter",
    "TokenStatistics",
    "word_shape",
]

POSITION_BUCKETS = 10
UNKNOWN_TOKEN = "[UNK]"
_REPORTED_SEQUENCES = 5
_SHOWN_TOKENS = 64
_MAX_WORDS = 200_000
_LONGEST_SHAPE = 12

_Reported = list[tuple[float, str]]


@dataclass
class SpecialTokenStatistics:
    """Where a token occurs.

    Attributes:
        count: how often.
        texts: in how many texts.
        least: how often in one of them at least.
        most: how often in one of them at most.
        positions: by tenth of the sequence, int64 [10].
    """

    count: int = 0
    texts: int = 0
    least: int = 0
    most: int = 0
    positions: NDArray[np.int64] = field(default_factory=lambda: np.zeros(POSITION_BUCKETS, dtype=np.int64))

    def merge(self, other: "SpecialTokenStatistics") -> None:
        """Adds what `other` has counted."""
        if other.texts:
            self.least = min(self.least or other.least, other.least)
        self.count += other.count
        self.texts += other.texts
        self.most = max(self.most, other.most)
        self.positions += other.positions


@dataclass
class TokenStatistics:
    """Accumulates tokenized texts; the vocabulary bounds the memory.

    Attributes:
        texts: number of texts.
        piece_counts: how often each token of the vocabulary occurred, int64 [vocabulary]; empty before the first text.
        lengths: tokens per text, without [CLS] and [SEP], nothing cut off.
        unknown_words: words that became [UNK].
        unknown_shapes: their shapes, see `word_shape`.
        special: statistics of each special token, and of [UNK].
        least_covered: the texts of the lowest share of known tokens, and the share.
        shortest_tokens: the texts of the lowest mean token length, and the length.
    """

    texts: int = 0
    piece_counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    lengths: Distribution = field(default_factory=Distribution)
    unknown_words: StringCounts = field(default_factory=StringCounts)
    unknown_shapes: StringCounts = field(default_factory=StringCounts)
    special: dict[str, SpecialTokenStatistics] = field(default_factory=dict)
    least_covered: _Reported = field(default_factory=list)
    shortest_tokens: _Reported = field(default_factory=list)

    def merge(self, other: "TokenStatistics") -> None:
        """Adds what `other` has counted with the same vocabulary."""
        self.texts += other.texts
        if not len(self.piece_counts):
            self.piece_counts = other.piece_counts.copy()
        elif len(other.piece_counts):
            self.piece_counts += other.piece_counts
        self.lengths.merge(other.lengths)
        self.unknown_words.merge(other.unknown_words)
        self.unknown_shapes.merge(other.unknown_shapes)
        for token, statistics in other.special.items():
            self.special.setdefault(token, SpecialTokenStatistics()).merge(statistics)
        self.least_covered = _lowest([*self.least_covered, *other.least_covered])
        self.shortest_tokens = _lowest([*self.shortest_tokens, *other.shortest_tokens])


class TokenCounter:
    """Tokenizes texts and counts, batch by batch; `finish` gives what is to be merged."""

    def __init__(self, tokenizer: TokenizerSpec) -> None:
        self._spec = tokenizer
        self._words = WordTable(tokenizer)
        self._counted = TokenStatistics(piece_counts=np.zeros(len(tokenizer.vocabulary), dtype=np.int64))
        for token in (*tokenizer.rules.special_tokens, UNKNOWN_TOKEN):
            self._counted.special[token] = SpecialTokenStatistics()

    def add_all(self, texts: Sequence[str]) -> None:
        """Counts the tokens of texts."""
        if len(self._words) > _MAX_WORDS:
            self._fold()
        rows = list(map(self._words.words, texts))
        words = self._words.look_up(rows)
        ends = np.cumsum([len(row) for row in rows], dtype=np.int64)
        pieces = self._words.column("pieces")[words]
        lengths = _segment_sums(pieces, ends)
        self._counted.texts += len(texts)
        self._counted.lengths.add_all(lengths.tolist())
        self._report(rows, words, ends, lengths)
        self._count_special(words, pieces, ends, lengths)

    def finish(self) -> TokenStatistics:
        """What was counted."""
        self._fold()
        return self._counted

    def _fold(self) -> None:
        """Counts the pieces of all words so far, and starts over with an empty table."""
        counted, unknown_id = self._counted, self._spec.unknown_id
        for word, ids, count in self._words.counted():
            for index in ids:
                counted.piece_counts[index] += count
            if ids == (unknown_id,):
                counted.unknown_words.add(word.encode(errors="replace"), count)
                counted.unknown_shapes.add(word_shape(word).encode(errors="replace"), count)
        self._words = WordTable(self._spec)

    def _report(
        self,
        rows: Sequence[Sequence[str]],
        words: NDArray[np.int64],
        ends: NDArray[np.int64],
        lengths: NDArray[np.int64],
    ) -> None:
        """Remembers the texts that the vocabulary suits least."""
        known = lengths - _segment_sums(self._words.column("unknown")[words], ends)
        characters = _segment_sums(self._words.column("characters")[words], ends)
        coverage = known / np.maximum(lengths, 1)
        average = characters / np.maximum(known, 1)
        counted = self._counted
        for name, values, eligible in (
            ("least_covered", coverage, known < lengths),
            ("shortest_tokens", average, lengths > 0),
        ):
            found: _Reported = getattr(counted, name)
            limit = found[-1][0] if len(found) == _REPORTED_SEQUENCES else np.inf
            candidates = np.flatnonzero(eligible & (values <= limit))
            for row in candidates[np.argsort(values[candidates], kind="stable")].tolist():
                if len(found) == _REPORTED_SEQUENCES and values[row] > found[-1][0]:
                    break
                found = _lowest([*found, (float(values[row]), self._shown(rows[row]))])
            setattr(counted, name, found)

    def _shown(self, words: Sequence[str]) -> str:
        return str(self._words.tokens(words[:_SHOWN_TOKENS])[:_SHOWN_TOKENS])

    def _count_special(
        self,
        words: NDArray[np.int64],
        pieces: NDArray[np.int64],
        ends: NDArray[np.int64],
        lengths: NDArray[np.int64],
    ) -> None:
        places = {
            token: np.flatnonzero(words == number) for token, number in self._words.special_numbers.items()
        }
        places[UNKNOWN_TOKEN] = np.flatnonzero(self._words.column("unknown")[words])
        for token, found in places.items():
            if not len(found):
                continue
            rows = np.searchsorted(ends, found, side="right")
            before = np.cumsum(pieces) - pieces
            first = np.concatenate(([0], ends))[rows]
            position = (before[found] - before[first]) / lengths[rows]
            per_text = np.bincount(rows)
            per_text = per_text[per_text > 0]
            positions = np.bincount((position * POSITION_BUCKETS).astype(int), minlength=POSITION_BUCKETS)
            least, most = int(per_text.min()), int(per_text.max())
            batch = SpecialTokenStatistics(len(found), len(per_text), least, most, positions)
            self._counted.special[token].merge(batch)


def word_shape(word: str) -> str:
    """What a word looks like: `a` for letters of the Latin alphabet, `l` for other letters, `0` for digits, marks and
    symbols as they are; runs are one, and the whole at most 12 characters."""
    shape: list[str] = []
    for character in word:
        kind = character
        if character.isalpha():
            kind = "a" if character.isascii() else "l"
        elif character.isdigit():
            kind = "0"
        if not shape or shape[-1] != kind:
            shape.append(kind)
        if len(shape) == _LONGEST_SHAPE:
            break
    return "".join(shape)


def _segment_sums(values: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sums of the values up to each end, from the end before it."""
    cumulative = np.concatenate(([0], np.cumsum(values)))
    return np.diff(cumulative[np.concatenate(([0], ends))])


def _lowest(reported: Iterable[tuple[float, str]]) -> _Reported:
    return sorted(set(reported))[:_REPORTED_SEQUENCES]
