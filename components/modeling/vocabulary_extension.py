"""Words of the domain that a vocabulary lacks: found on the training split, kept if they help on the validation split.

A word may lack a token in two ways. Where a character has no token (most emoji), the whole word is [UNK]; the character
is added, as it stands at the beginning of a word or behind others (`##`). Where a word is cut into many pieces, it is
added whole.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import Field

from components.core.config import Config
from components.modeling.emoji_policy import emoji_names
from components.modeling.vocabulary import free_rows
from tflite.host_tokenizer import MAX_WORD_BYTES, HostTokenizer, TokenizerSpec

__all__ = ["VocabularyExtension", "WordCounts", "extend_vocabulary"]

_CONTINUATION = "##"


class VocabularyExtension(Config):
    """Which words are added to the encoder's vocabulary.

    With MiniLM on GoEmotions the defaults add 45 tokens, 39 of them for emoji; of the validation split's tokens 0.043 %
    instead of 0.135 % are [UNK] then. `transform.emoji: words` alone leaves 0.005 %.
    """

    max_tokens: int = Field(default=500, ge=1, le=10_000)
    """Most tokens added. A BERT vocabulary has about a thousand unused rows, MiniLM's 994."""

    min_count: int = Field(default=10, ge=1)
    """How often the training split must hold a word or character: its embedding is learnt from these occurrences
    alone."""

    min_pieces: int = Field(default=4, ge=2)
    """From how many pieces on a word is added whole. 4, since most words of 2 or 3 pieces are stems with endings, which
    the encoder knows."""


class WordCounts(Counter[str]):
    """Occurrences by word, as `HostTokenizer.words` cuts them, and the number of texts.

    Attributes:
        texts: texts that were counted.
    """

    texts: int = 0

    def merge(self, other: "WordCounts") -> None:
        """Adds the counts of other texts."""
        super().update(other)
        self.texts += other.texts


def extend_vocabulary(
    spec: TokenizerSpec, config: VocabularyExtension, *, train: WordCounts, validation: WordCounts
) -> tuple[TokenizerSpec, dict[str, Any]]:
    """Adds tokens to a tokenizer.

    Args:
        spec: the tokenizer as it is.
        config: the limits.
        train: what candidates are counted on.
        validation: what decides which of them are kept.

    Returns:
        The tokenizer with tokens in unused rows, and the content of `extension.json`: `added` lists each token with the
        word or character it stands for, its row, its count, the pieces that stood in its place and `starts_from`, the
        rows whose mean its embedding is to start from; `before` and `after` are measured on `validation`.
    """
    before = HostTokenizer(spec)
    candidates = _candidates(before, config, train)
    rows = free_rows(spec.vocabulary)
    useful = _useful(before, HostTokenizer(_appended(spec, tuple(candidates))), validation)
    chosen = [token for token in candidates if token in useful][: min(config.max_tokens, len(rows))]
    vocabulary = list(spec.vocabulary)
    for token, row in zip(chosen, rows, strict=False):
        vocabulary[row] = token
    extended = replace(spec, vocabulary=tuple(vocabulary))
    names = emoji_names()
    document = {
        "before": _measure(before, validation),
        "after": _measure(HostTokenizer(extended), validation),
        "added": [
            {"token": token, "row": row, "count": candidates[token], **_origin(token, before, names)}
            for token, row in zip(chosen, rows, strict=False)
        ],
    }
    return extended, document


def _candidates(tokenizer: HostTokenizer, config: VocabularyExtension, counts: WordCounts) -> dict[str, int]:
    """Occurrences by token that is missing, those first whose addition saves most; equal ones by name."""
    missing: Counter[str] = Counter()
    saved: Counter[str] = Counter()
    for word, count in counts.items():
        for token, pieces in _missing_tokens(tokenizer, word, config.min_pieces):
            missing[token] += count
            saved[token] += count * pieces
    by_stem: Counter[str] = Counter()
    for token, count in missing.items():
        by_stem[_stem(token)] += count
    frequent = [token for token in missing if by_stem[_stem(token)] >= config.min_count]
    return {token: missing[token] for token in sorted(frequent, key=lambda token: (-saved[token], token))}


def _missing_tokens(tokenizer: HostTokenizer, word: str, min_pieces: int) -> Iterator[tuple[str, int]]:
    """The tokens that a word lacks, each with the number of pieces that it saves."""
    spec = tokenizer.spec
    ids = tokenizer.word_ids(word)
    if len(word.encode()) > MAX_WORD_BYTES:
        return
    if ids == (spec.unknown_id,):
        for position, character in enumerate(word):
            token = _CONTINUATION + character if position else character
            if token not in spec.id_by_token:
                yield token, 1
    elif len(ids) >= min_pieces:
        yield word, len(ids) - 1


def _appended(spec: TokenizerSpec, tokens: tuple[str, ...]) -> TokenizerSpec:
    return replace(spec, vocabulary=(*spec.vocabulary, *tokens))


def _useful(before: HostTokenizer, after: HostTokenizer, counts: WordCounts) -> set[str]:
    """The tokens that make a word of these texts known, or shorter."""
    first = len(before.spec.vocabulary)
    unknown = before.spec.unknown_id
    useful: set[str] = set()
    for word in counts:
        old, new = before.word_ids(word), after.word_ids(word)
        improved = (new.count(unknown), len(new)) < (old.count(unknown), len(old))
        if improved:
            useful.update(after.spec.vocabulary[index] for index in new if index >= first)
    return useful


def _measure(tokenizer: HostTokenizer, counts: WordCounts) -> dict[str, float]:
    tokens = unknown = 0
    for word, count in counts.items():
        ids = tokenizer.word_ids(word)
        tokens += count * len(ids)
        unknown += count * ids.count(tokenizer.spec.unknown_id)
    return {
        "unknown_rate": unknown / max(tokens, 1),
        "tokens_per_text": tokens / max(counts.texts, 1),
    }


def _stem(token: str) -> str:
    """The word or character that a token stands for."""
    return token.removeprefix(_CONTINUATION)


def _origin(token: str, tokenizer: HostTokenizer, names: Mapping[str, str]) -> dict[str, Any]:
    """What stood for a token before, and what its embedding starts from: an emoji's name says more than [UNK]."""
    spec = tokenizer.spec
    word = _stem(token)
    pieces = tokenizer.word_ids(word)
    name = [index for part in tokenizer.words(names.get(word, "")) for index in tokenizer.word_ids(part)]
    return {
        "word": word,
        "pieces": [spec.vocabulary[index] for index in pieces],
        "starts_from": name or list(pieces),
    }
