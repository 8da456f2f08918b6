"""Where the words that a model reads stand in the text as it was typed."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import regex  # type: ignore[import-untyped]

from tflite.host_tokenizer import HostTokenizer
from tflite.pre_tokenization import word_spans
from tflite.text import CleaningRules, clean_characters

__all__ = ["ReadWord", "read_words"]

_READERS_CHARACTER = regex.compile(r"\X")
"""An extended grapheme cluster (UAX #29): a letter with its accents, a family of emoji."""

_APOSTROPHE = regex.compile(r"(?<=\w)['’](?=\w)")

_Span = tuple[int, int]


@dataclass(frozen=True)
class ReadWord:
    """A word of a text as typed.

    Attributes:
        start: its first character (code point) in the text.
        end: one behind its last.
        pieces: positions of its word pieces among all of the text.
    """

    start: int
    end: int
    pieces: tuple[int, ...]


@dataclass(frozen=True)
class _Characters:
    """A text on its way through the cleaning: each character with where it comes from in the text as typed."""

    text: str
    origins: Sequence[_Span]


def read_words(text: str, tokenizer: HostTokenizer) -> list[ReadWord]:
    """The words of a text with their word pieces, in the order of the text; none overlaps another.

    What the cleaning turns into several words (an emoji that is read as its name, a placeholder) is one word here,
    that is to say what was typed. Accents belong to their letters, and whatever a reader sees as one character is
    never cut. A contraction is one word, though the tokenizer cuts at its apostrophe. What the cleaning drops belongs
    to the word inside which it stands, else to none, as spaces do.
    """
    cleaned = _clean(text, tokenizer.spec.rules)
    spans: list[_Span] = []
    pieces: list[range] = []
    count = 0
    for start, end in word_spans(cleaned.text):
        own = len(tokenizer.word_ids(cleaned.text[start:end]))
        origins = cleaned.origins[start:end]
        spans.append((min(origin[0] for origin in origins), max(origin[1] for origin in origins)))
        pieces.append(range(count, count + own))
        count += own
    joined = _joined([*spans, *_unbreakable(text)])
    return _gathered(joined, spans, pieces)


def _clean(text: str, rules: CleaningRules) -> _Characters:
    """`clean_text`, keeping track of where each character comes from."""
    characters = _Characters(text, [(place, place + 1) for place in range(len(text))])
    for token, word in rules.special_tokens.items():
        characters = _replaced(characters, token, f" {word} ")
    parts = [clean_characters(character, rules) for character in characters.text]
    origins = [origin for part, origin in zip(parts, characters.origins, strict=True) for _ in part]
    # A run of marks may be put in another order: then a mark's origin is that of another mark of its letter.
    return _Characters(clean_characters(characters.text, rules), origins)


def _replaced(characters: _Characters, token: str, replacement: str) -> _Characters:
    """Every occurrence of `token` replaced, as `str.replace` does it."""
    text: list[str] = []
    origins: list[_Span] = []
    start = 0
    while (found := characters.text.find(token, start)) >= 0:
        end = found + len(token)
        text += [characters.text[start:found], replacement]
        origins += characters.origins[start:found]
        origins += [(characters.origins[found][0], characters.origins[end - 1][1])] * len(replacement)
        start = end
    return _Characters("".join([*text, characters.text[start:]]), [*origins, *characters.origins[start:]])


def _unbreakable(text: str) -> Iterator[_Span]:
    """What must not be cut: a reader's character of several code points, and the letters around an apostrophe."""
    if not text.isascii():
        yield from (found.span() for found in _READERS_CHARACTER.finditer(text) if len(found[0]) > 1)
    for found in _APOSTROPHE.finditer(text):
        yield found.start() - 1, found.end() + 1


def _joined(spans: Iterable[_Span]) -> list[_Span]:
    """The spans, those that overlap made one, in order."""
    joined: list[_Span] = []
    for start, end in sorted(spans):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _gathered(joined: Sequence[_Span], spans: Sequence[_Span], pieces: Sequence[range]) -> list[ReadWord]:
    """The joined spans that hold words, with the pieces of these."""
    starts = [start for start, _ in joined]
    owners = [bisect_right(starts, start) - 1 for start, _ in spans]
    by_owner: dict[int, list[int]] = {}
    for owner, own in zip(owners, pieces, strict=True):
        by_owner.setdefault(owner, []).extend(own)
    return [ReadWord(*joined[owner], tuple(by_owner[owner])) for owner in sorted(by_owner)]
