"""The canonical text cleaning: what every tokenizer of this project does to a text before WordPiece.

It is part of the model: training, the SavedModel and the phone must all do exactly this, or their token ids differ.
Its in-graph twin is `serving.tokenizer.InGraphTokenizer.clean`; a test proves the two equal on every code point.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

__all__ = ["NEWER_THAN_UNICODE_13", "UNKNOWN_CHARACTER", "CleaningRules", "clean_characters", "clean_text"]

NEWER_THAN_UNICODE_13 = (
    "\u061d\u0890-\u089f\u08ca-\u08d2\u0c3c\u0ece\u1715\u1734\u180f\u1ac1-\u1aeb\u1b4e-\u1b4f\u1b7d-\u1b7f\u1c89"
    "\u1dfa\u2c2f\u2e53-\u2e5d\ua7c0\ua7cb-\ua7dc\U00010570-\U000105e4\U00010d50-\U00010d6e\U00010ed0"
    "\U00010efa-\U00010eff\U00010f82-\U00010f89\U00011070-\U00011074\U000110c2\U00011241"
    "\U00011383-\U000113e2\U000116b9\U0001171e\U00011b00-\U00011be1\U00011f00-\U00011f5a"
    "\U00012ff1-\U00012ff2\U00013439-\U00013455\U0001611e-\U0001612f\U00016d68-\U00016d6f"
    "\U00016ea0-\U00016eb8\U0001cf00-\U0001cf46\U0001e08f\U0001e2ae\U0001e4ec-\U0001e6f5"
)
"""Ranges of a regular-expression class: letters, marks and punctuation of Unicode 14 to 17 that an older Unicode table
would not lower, decompose, drop or split at, and U+1734, which Unicode 14 made another kind of mark. Python, RE2, ICU
and the phones each carry a table of another age."""

UNKNOWN_CHARACTER = "\ue000"
"""Private use, in no vocabulary: stands for a character of `NEWER_THAN_UNICODE_13` and makes its word `[UNK]`."""

_NEWER = re.compile(f"[{NEWER_THAN_UNICODE_13}]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_DROPPED_CATEGORIES = frozenset({"Cc", "Cf", "Cs"})

_MARKS_THAT_MOVE = re.compile(
    "[\u1715\u1734\u1b44\u1baa\u1bf2\u1bf3\u302e\u302f\ua953\ua9c0\U000111c0\U00011235\U0001134d\U000116b6"
    "\U0001193d\U00016ff0\U00016ff1\U0001d165\U0001d166\U0001d16d-\U0001d172]"
)
"""Spacing marks with a combining class: where two follow each other, NFD may change their order."""


@dataclass(frozen=True, kw_only=True)
class CleaningRules:
    """How a vocabulary wants its text.

    Attributes:
        lowercase: lower case every code point on its own (uncased vocabularies).
        strip_accents: decompose (NFD) and drop nonspacing marks (uncased vocabularies).
        special_tokens: vocabulary word by special token, `{"[NAME]": "xxname"}`; matched exactly, in this order.
        characters: what a single character beyond ASCII is replaced by, `{"😀": " grinning face "}`.

    Raises:
        ValueError: a key of `characters` is not one character beyond ASCII, or a value holds a lone surrogate.
    """

    lowercase: bool
    strip_accents: bool
    special_tokens: Mapping[str, str] = field(default_factory=dict)
    characters: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for character, replacement in self.characters.items():
            if len(character) != 1 or character.isascii():
                raise ValueError(f"characters: {character!r} is not one character beyond ASCII")
            if _SURROGATE.search(character + replacement):
                raise ValueError(f"characters: {character!r}: {replacement!r} has no UTF-8 form")

    @cached_property
    def _cleaned_by_code_point(self) -> "_CleanedByCodePoint":
        return _CleanedByCodePoint(self)


def clean_text(text: str, rules: CleaningRules) -> str:
    """Cleans a text for WordPiece.

    1. Each special token becomes its vocabulary word between spaces.
    2. Each of the rules' `characters` is replaced.
    3. Each character newer than Unicode 13 that tables disagree on becomes `UNKNOWN_CHARACTER`.
    4. Tab, line feed, carriage return and every separator (category Z) become a space; control and format characters
       (Cc, Cf), lone surrogates and U+FFFD are dropped.
    5. With `strip_accents`: NFD, then nonspacing marks (Mn) are dropped.
    6. With `lowercase`: each code point is lower-cased on its own (no final sigma, no locale).

    Runs of spaces are left as they are.
    """
    for token, word in rules.special_tokens.items():
        text = text.replace(token, f" {word} ")
    return clean_characters(text, rules)


def clean_characters(text: str, rules: CleaningRules) -> str:
    """Steps 2 to 6 of `clean_text`; what comes before a space does not depend on what comes after it."""
    if text.isascii() and text.isprintable():
        return text.lower() if rules.lowercase else text
    cleaned = text.translate(rules._cleaned_by_code_point)
    if rules.strip_accents and _MARKS_THAT_MOVE.search(cleaned):
        return _clean_characters(text, rules)
    return cleaned


def _clean_characters(text: str, rules: CleaningRules) -> str:
    """The steps one after the other: what the table of code points is made by, and what is right in every case."""
    text = "".join(rules.characters.get(character, character) for character in text)
    text = _NEWER.sub(UNKNOWN_CHARACTER, text)
    text = "".join(map(_clean_character, text))
    if rules.strip_accents:
        decomposed = unicodedata.normalize("NFD", text)
        text = "".join(character for character in decomposed if unicodedata.category(character) != "Mn")
    if rules.lowercase:
        text = "".join(character.lower() for character in text)
    return text


def _clean_character(character: str) -> str:
    category = unicodedata.category(character)
    if character in "\t\n\r" or category.startswith("Z"):
        return " "
    return "" if category in _DROPPED_CATEGORIES or character == "\ufffd" else character


class _CleanedByCodePoint(dict[int, str]):
    """The table of `str.translate`: what each code point becomes, worked out when it is first met."""

    def __init__(self, rules: CleaningRules) -> None:
        super().__init__()
        self._rules = rules

    def __missing__(self, code_point: int) -> str:
        self[code_point] = cleaned = _clean_characters(chr(code_point), self._rules)
        return cleaned
