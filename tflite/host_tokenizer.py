"""BERT WordPiece in pure Python: the tokenizer of the device, whose graph holds none."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

from tflite.pre_tokenization import split_words
from tflite.text import CleaningRules, clean_characters

__all__ = ["MAX_WORD_BYTES", "ContextPosition", "HostTokenizer", "TokenizerSpec"]

ContextPosition: TypeAlias = Literal["before", "after"]
"""Where what was said before a text stands: [CLS] context [SEP] text [SEP], or [CLS] text [SEP] context [SEP]."""

MAX_WORD_BYTES = 100
"""A longer word (in UTF-8 bytes) is [UNK]: the limit of tf-text's FastWordpieceTokenizer and of MediaPipe."""

_FORMAT_VERSION = 3
_READABLE_VERSIONS = (1, 2, 3)
"""Version 1 knew neither `characters` nor `segments`, version 2 no `context_position`."""

_OWN_RULES = ("max_tokens", "segments", "context_position")
_VOCABULARY_FILE = "vocab.txt"
_RULES_FILE = "tokenizer.json"
_SUFFIX = "##"
_SMALLEST_MAX_TOKENS = 3
_MAX_REMEMBERED = 1 << 16
_LONGEST_REMEMBERED = 64

_Value = TypeVar("_Value")


@dataclass(frozen=True, kw_only=True)
class TokenizerSpec:
    """All that a WordPiece tokenizer needs to know.

    Attributes:
        vocabulary: token by id; holds [PAD], [UNK], [CLS] and [SEP], no token twice.
        rules: the cleaning before WordPiece.
        max_tokens: longest sequence, with [CLS] and [SEP]; at least 3.
        segments: 2 if a model was trained on texts with what was said before them, else 1.
        context_position: of two segments, where that stands.

    Raises:
        ValueError: a token is missing or there twice, `max_tokens` is below 3, `segments` is neither 1 nor 2, or
            `context_position` is neither "before" nor "after".
    """

    vocabulary: tuple[str, ...]
    rules: CleaningRules
    max_tokens: int
    segments: int = 1
    context_position: ContextPosition = "before"

    def __post_init__(self) -> None:
        needed = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", *self.rules.special_tokens.values())
        known = self.id_by_token
        if missing := [token for token in needed if token not in known]:
            raise ValueError(
                f"the vocabulary lacks {', '.join(missing)}; expected a BERT WordPiece vocabulary"
            )
        if len(known) < len(self.vocabulary):
            twice = next(token for index, token in enumerate(self.vocabulary) if known[token] != index)
            raise ValueError(f"the vocabulary holds {twice!r} twice; expected every token once")
        if self.max_tokens < _SMALLEST_MAX_TOKENS:
            raise ValueError(f"max_tokens is {self.max_tokens}; expected at least {_SMALLEST_MAX_TOKENS}")
        if self.segments not in (1, 2):
            raise ValueError(f"segments is {self.segments}; expected 1 or 2")
        if self.context_position not in ("before", "after"):
            raise ValueError(f"context_position is {self.context_position!r}; expected before or after")

    @cached_property
    def id_by_token(self) -> dict[str, int]:
        """The vocabulary the other way round."""
        return {token: index for index, token in enumerate(self.vocabulary)}

    @property
    def pad_id(self) -> int:
        return self.id_by_token["[PAD]"]

    @property
    def unknown_id(self) -> int:
        return self.id_by_token["[UNK]"]

    @property
    def start_id(self) -> int:
        """The id of [CLS]."""
        return self.id_by_token["[CLS]"]

    @property
    def end_id(self) -> int:
        """The id of [SEP]."""
        return self.id_by_token["[SEP]"]

    def save(self, directory: Path) -> None:
        """Writes `vocab.txt` (one token a line, line number = id) and `tokenizer.json` into `directory`."""
        directory.mkdir(parents=True, exist_ok=True)
        lines = "".join(f"{token}\n" for token in self.vocabulary)
        (directory / _VOCABULARY_FILE).write_bytes(lines.encode())
        document = {
            "format_version": _FORMAT_VERSION,
            "lowercase": self.rules.lowercase,
            "strip_accents": self.rules.strip_accents,
            "special_tokens": dict(self.rules.special_tokens),
            "characters": dict(self.rules.characters),
            "max_tokens": self.max_tokens,
            "segments": self.segments,
            "context_position": self.context_position,
        }
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        (directory / _RULES_FILE).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> "TokenizerSpec":
        """Reads what `save` wrote.

        Raises:
            ValueError: the files are of another format version.
        """
        document = json.loads((directory / _RULES_FILE).read_text(encoding="utf-8"))
        version = document.pop("format_version")
        if version not in _READABLE_VERSIONS:
            raise ValueError(
                f"{directory / _RULES_FILE}: format_version is {version}, expected {_FORMAT_VERSION} or older; "
                "use the version of emotion-pipeline that wrote it"
            )
        # Split at line feeds alone: a multilingual vocabulary may hold U+2028 or U+0085 as tokens.
        vocabulary = (directory / _VOCABULARY_FILE).read_bytes().decode().split("\n")[:-1]
        own = {name: document.pop(name) for name in _OWN_RULES if name in document}
        return cls(vocabulary=tuple(vocabulary), rules=CleaningRules(**document), **own)


class HostTokenizer:
    """Text to token ids, equal to `serving.tokenizer.InGraphTokenizer`.

    What stands between two spaces is met again and again: what was made of such a chunk is remembered.
    """

    def __init__(self, spec: TokenizerSpec) -> None:
        self.spec = spec
        self._longest = max(len(token) for token in spec.vocabulary)
        self._ids_by_word = _Remembered(self._pieces)
        self._words_by_chunk = _Remembered(self._chunk_words)
        self._ids_by_chunk = _Remembered(self._chunk_ids)

    def encode(self, text: str) -> list[int]:
        """Returns [CLS], the WordPiece ids and [SEP]; at most `max_tokens` ids, cut before [SEP]."""
        spec = self.spec
        pieces = chain.from_iterable(map(self._ids_by_chunk.__getitem__, self._chunks(text)))
        return [spec.start_id, *islice(pieces, spec.max_tokens - 2), spec.end_id]

    def encode_pair(self, text: str, context: str) -> tuple[list[int], list[int]]:
        """Returns text and context in the order of `context_position`, and as many segment ids: 0 up to the first
        [SEP], then 1.

        The text keeps its room. Of the context as much is kept as fits beside it, from its end, since the nearest
        words matter most; where nothing of it is left, this is `encode(text)` with segment ids of 0.
        """
        spec = self.spec
        alone = self.encode(text)
        pieces = [index for chunk in self._chunks(context) for index in self._ids_by_chunk[chunk]]
        kept = min(len(pieces), spec.max_tokens - 1 - len(alone))
        if kept <= 0:
            return alone, [0] * len(alone)
        framed = [*pieces[-kept:], spec.end_id]
        first, second = (
            (alone, framed) if spec.context_position == "after" else ([spec.start_id, *framed], alone[1:])
        )
        return first + second, [0] * len(first) + [1] * len(second)

    def words(self, text: str) -> list[str]:
        """The words of the cleaned text, each of which is cut into pieces on its own."""
        return list(chain.from_iterable(map(self._words_by_chunk.__getitem__, self._chunks(text))))

    def word_ids(self, word: str) -> tuple[int, ...]:
        """The WordPiece ids of one word of `words`, remembered for the next time; `unknown_id` alone for [UNK]."""
        return self._ids_by_word[word]

    def _chunks(self, text: str) -> list[str]:
        """The parts of a text between spaces, special tokens apart: no step of the cleaning looks beyond a space."""
        for token, word in self.spec.rules.special_tokens.items():
            text = text.replace(token, f" {word} ")
        return text.split(" ")

    def _chunk_words(self, chunk: str) -> tuple[str, ...]:
        return tuple(split_words(clean_characters(chunk, self.spec.rules)))

    def _chunk_ids(self, chunk: str) -> tuple[int, ...]:
        return tuple(chain.from_iterable(map(self._ids_by_word.__getitem__, self._chunk_words(chunk))))

    def _pieces(self, word: str) -> tuple[int, ...]:
        """Greedy longest-match-first (Wu et al., 2016); [UNK] for a word that cannot be covered or is too long."""
        if len(word.encode()) > MAX_WORD_BYTES:
            return (self.spec.unknown_id,)
        id_by_token = self.spec.id_by_token
        pieces: list[int] = []
        start = 0
        while start < len(word):
            prefix = _SUFFIX if start else ""
            for end in range(min(len(word), start + self._longest), start, -1):
                index = id_by_token.get(prefix + word[start:end])
                if index is not None:
                    break
            else:
                return (self.spec.unknown_id,)
            pieces.append(index)
            start = end
        return tuple(pieces)


class _Remembered(dict[str, tuple[_Value, ...]]):
    """What was made of a string, for the next time; a long one would cost memory and is hardly met again."""

    def __init__(self, make: Callable[[str], tuple[_Value, ...]]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, text: str) -> tuple[_Value, ...]:
        made = self._make(text)
        if len(text) <= _LONGEST_REMEMBERED:
            if len(self) >= _MAX_REMEMBERED:
                self.clear()
            self[text] = made
        return made
