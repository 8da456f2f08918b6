"""BERT's pre-tokenization: what WordPiece takes for a word."""

import unicodedata
from collections.abc import Iterator

__all__ = ["split_words", "word_spans"]

_CJK_RANGES = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)
"""The ideographs that BERT's BasicTokenizer makes words of their own (google-research/bert, tokenization.py)."""


def split_words(text: str) -> list[str]:
    """Splits cleaned text at spaces; every punctuation mark and every CJK ideograph is a word of its own."""
    if text.isascii() and text.isalnum():
        return [text]
    # The cleaning leaves no white space but spaces.
    return text.translate(_WORDS_ALONE).split()


def word_spans(text: str) -> list[tuple[int, int]]:
    """Where the words of `split_words` start and end in the cleaned text."""
    spans = []
    for start, end in _between_spaces(text):
        first = start
        for position in range(start, end):
            if _is_word_alone(text[position]):
                if first < position:
                    spans.append((first, position))
                spans.append((position, position + 1))
                first = position + 1
        if first < end:
            spans.append((first, end))
    return spans


def _between_spaces(text: str) -> Iterator[tuple[int, int]]:
    end = -1
    for chunk in text.split(" "):
        start, end = end + 1, end + 1 + len(chunk)
        yield start, end


class _WordsAlone(dict[int, str]):
    """The table of `str.translate` that puts spaces around what is a word of its own."""

    def __missing__(self, code_point: int) -> str:
        character = chr(code_point)
        self[code_point] = spaced = f" {character} " if _is_word_alone(character) else character
        return spaced


_WORDS_ALONE = _WordsAlone()


def _is_word_alone(character: str) -> bool:
    code = ord(character)
    is_ascii_mark = code < 128 and character.isprintable() and not character.isalnum() and character != " "
    if is_ascii_mark or unicodedata.category(character).startswith("P"):
        return True
    return any(first <= code <= last for first, last in _CJK_RANGES)
