"""Seeded strings that tokenizers have been seen to differ on: scripts, emoji, marks, directions, controls, lengths."""

import random
from collections.abc import Callable

import emoji

__all__ = ["strange_texts"]

_WORDS = """
i am so happy today the dog hates my friends café naïve Straße İSTANBUL ΟΔΟΣ don't [NAME] [EMAIL] it's
"""
_EMOJI = tuple(emoji.EMOJI_DATA)
_MARKS = [
    *range(0x300, 0x370),
    *range(0x483, 0x48A),
    0x20DD,
    0x20E3,
    0x302E,
    0x302F,
    0x1D165,
    0x1D16D,
    0xFE0F,
]
_CONTROLS = [*range(0x20), *range(0x7F, 0xA0), 0xAD, 0x200B, 0x200C, 0x200D, 0x2028, 0x2060, 0xFEFF, 0xFFFD]
_DIRECTIONS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_SPACES = " \u00a0\u1680\u2003\u202f\u3000\t\n\r"
_CJK = [
    (0x4E00, 0x9FFF),
    (0x3040, 0x30FF),
    (0xAC00, 0xD7A3),
    (0x1100, 0x11FF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF),
]
_OTHER = [(0x590, 0x5FF), (0x600, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F), (0x400, 0x4FF), (0x1F00, 0x1FFF)]
_PUNCTUATION = "!?.,;:…—–-_'’“”()[]{}@#$%^&*+=|\\/<>~`。、！؟¡¿ㆍ"


def strange_texts(count: int, *, seed: int) -> list[str]:
    """The same strings for the same seed; all have a UTF-8 form, some are empty."""
    generator = random.Random(seed)
    makers = [maker for maker, weight in _MAKERS.items() for _ in range(weight)]

    def text() -> str:
        parts = (generator.choice(makers)(generator) for _ in range(generator.randrange(12)))
        return "".join(part + generator.choice(("", " ", " ", generator.choice(_SPACES))) for part in parts)

    return [text() for _ in range(count)]


def _range(generator: random.Random, ranges: list[tuple[int, int]]) -> str:
    first, last = generator.choice(ranges)
    return "".join(chr(generator.randint(first, last)) for _ in range(generator.randint(1, 6)))


def _any_code_point(generator: random.Random) -> str:
    code = generator.randrange(0x110000 - 0x800)
    return chr(code if code < 0xD800 else code + 0x800)


def _marked(generator: random.Random) -> str:
    letters = generator.choices("aeiouncyAEI字한अ", k=generator.randint(1, 4))
    return "".join(
        letter + "".join(map(chr, generator.choices(_MARKS, k=generator.randrange(4)))) for letter in letters
    )


def _long_word(generator: random.Random) -> str:
    return generator.choice(("x", "ha", "é", "字", "😂", "\u0301a")) * generator.choice(
        (30, 49, 50, 99, 100, 101, 400)
    )


_MAKERS: dict[Callable[[random.Random], str], int] = {
    lambda generator: generator.choice(_WORDS.split()): 8,
    lambda generator: generator.choice(_EMOJI) * generator.randint(1, 3): 4,
    lambda generator: _range(generator, _CJK): 2,
    lambda generator: _range(generator, _OTHER): 2,
    _marked: 2,
    lambda generator: chr(generator.choice(_CONTROLS)): 2,
    lambda generator: generator.choice(_DIRECTIONS): 1,
    lambda generator: generator.choice(_PUNCTUATION): 3,
    _any_code_point: 1,
    _long_word: 1,
}
