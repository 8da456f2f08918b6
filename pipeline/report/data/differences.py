"""Which words of two similar texts differ."""

import re
from difflib import SequenceMatcher
from typing import Any, TypeAlias

__all__ = ["differing_words"]

Pieces: TypeAlias = list[dict[str, Any]]

_MOST_WORDS = 120


def differing_words(first: str, second: str) -> tuple[Pieces, Pieces]:
    """Both texts in pieces of `words` that are, together, the text, and `differs` from the other text.

    Case and punctuation are no difference, as they are none in the search for duplicates. Texts are cut after 120 words
    and end in an ellipsis then.
    """
    words, other_words = _words(first), _words(second)
    keys, other_keys = ([_key(word) for word in each] for each in (words, other_words))
    pieces: Pieces = []
    other_pieces: Pieces = []
    matcher = SequenceMatcher(None, keys, other_keys, autojunk=False)
    for operation, start, end, other_start, other_end in matcher.get_opcodes():
        differs = operation != "equal"
        pieces += _pieces("".join(words[start:end]), differs)
        other_pieces += _pieces("".join(other_words[other_start:other_end]), differs)
    return pieces, other_pieces


def _pieces(words: str, differs: bool) -> Pieces:
    """The white space after words that differ is a piece of its own: it differs from nothing."""
    marked = words.rstrip() if differs else ""
    parts = ((marked, True), (words[len(marked) :], False))
    return [{"words": part, "differs": marks} for part, marks in parts if part]


def _words(text: str) -> list[str]:
    """The words, each with the white space after it."""
    words = re.findall(r"\s*\S+\s*", text)
    return words if len(words) <= _MOST_WORDS else [*words[:_MOST_WORDS], "…"]


def _key(word: str) -> str:
    bare = word.strip().casefold()
    return re.sub(r"\W", "", bare) or bare
