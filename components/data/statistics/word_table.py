"""Which words texts are made of, numbered, with what the vocabulary makes of each."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from tflite.host_tokenizer import MAX_WORD_BYTES, HostTokenizer, TokenizerSpec

__all__ = ["WordTable"]

_SUFFIX = "##"
_CUT = "…"


class WordTable:
    """Numbers words and counts them, so that what a word is made of is worked out once.

    Args:
        tokenizer: the vocabulary.

    Attributes:
        spec: the same.
        special_numbers: number of each special token's word.
    """

    def __init__(self, tokenizer: TokenizerSpec) -> None:
        self.spec = tokenizer
        self._host = HostTokenizer(tokenizer)
        self._numbers = _Numbers(self)
        self._ids: list[tuple[int, ...]] = []
        self._columns = {name: array("q") for name in ("pieces", "unknown", "characters")}
        self._counts = np.zeros(0, dtype=np.int64)
        self._characters_by_id = [len(token.removeprefix(_SUFFIX)) for token in tokenizer.vocabulary]
        self.special_numbers: Mapping[str, int] = {
            token: self._numbers[word] for token, word in tokenizer.rules.special_tokens.items()
        }

    def __len__(self) -> int:
        return len(self._ids)

    def look_up(self, rows: Sequence[Sequence[str]]) -> NDArray[np.int64]:
        """Numbers of the words of all rows, int64 [words]; they are counted."""
        numbers = map(self._numbers.__getitem__, chain.from_iterable(rows))
        found = np.fromiter(numbers, np.int64, sum(map(len, rows)))
        counts = np.bincount(found, minlength=len(self))
        counts[: len(self._counts)] += self._counts
        self._counts = counts
        return found

    def words(self, text: str) -> Sequence[str]:
        """The words of a text."""
        return self._host.words(text)

    def tokens(self, words: Iterable[str]) -> list[str]:
        """The WordPiece tokens of words."""
        vocabulary = self.spec.vocabulary
        return [vocabulary[index] for word in words for index in self._host.word_ids(word)]

    def column(self, name: str) -> NDArray[np.int64]:
        """What is known of each word, int64 [numbers]: `pieces` it is cut into, how many of them are `unknown`, and
        `characters` of those that are known, without the ## of a piece that continues a word."""
        return np.array(self._columns[name], dtype=np.int64)

    def counted(self) -> Iterable[tuple[str, tuple[int, ...], int]]:
        """Every word with its ids and how often it occurred."""
        for (word, number), count in zip(self._numbers.items(), self._counts.tolist(), strict=False):
            if count:
                yield word, self._ids[number], count

    def _add(self, word: str) -> int:
        ids = self._host.word_ids(word)
        known = [index for index in ids if index != self.spec.unknown_id]
        self._ids.append(ids)
        self._columns["pieces"].append(len(ids))
        self._columns["unknown"].append(len(ids) - len(known))
        self._columns["characters"].append(sum(map(self._characters_by_id.__getitem__, known)))
        return len(self._ids) - 1


class _Numbers(dict[str, int]):
    def __init__(self, table: WordTable) -> None:
        super().__init__()
        self._add = table._add

    def __missing__(self, word: str) -> int:
        # A word that is too long for any vocabulary is [UNK]: its beginning says enough, and takes no megabytes.
        if len(word) > MAX_WORD_BYTES + len(_CUT):
            return self[word[:MAX_WORD_BYTES] + _CUT]
        self[word] = number = self._add(word)
        return number
