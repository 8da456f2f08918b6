"""The writing systems of texts, as StatisticsGen and the watch of live traffic tell them apart."""

from collections import Counter
from functools import cache
from typing import Any

__all__ = ["COMMON", "dominant_script"]

COMMON = "Common"
"""Unicode's name for what belongs to no script: digits, punctuation, emoji."""

_OTHER = "Other"

_SCRIPTS = (
    "Latin Han Hiragana Katakana Hangul Cyrillic Arabic Devanagari Bengali Greek Hebrew Thai Tamil Telugu "
    "Kannada Malayalam Gujarati Gurmukhi Oriya Sinhala Khmer Lao Myanmar Tibetan Georgian Armenian Ethiopic "
    "Mongolian Bopomofo Thaana Syriac Cherokee Canadian_Aboriginal Javanese Balinese Sundanese Tifinagh Nko Yi "
    "Adlam Ol_Chiki Meetei_Mayek Osmanya Vai"
)


def dominant_script(text: str) -> str:
    """The script of most of a text's letters (Unicode Standard Annex 24), the first to come where two tie.

    `Common` for a text without letters, `Other` for scripts that hardly anybody types in.
    """
    if text.isascii():
        return "Latin" if any(map(str.isalpha, text)) else COMMON
    counts = Counter(map(_script, text))
    del counts[COMMON]
    return counts.most_common(1)[0][0] if counts else COMMON


class _ScriptByCharacter(dict[str, str]):
    """The script of each character, looked up when it is first met."""

    def __missing__(self, character: str) -> str:
        script = COMMON
        if character.isalpha():
            match = _pattern().match(character)
            script = match.lastgroup if match else _OTHER
            if character.isascii():
                script = "Latin"
        self[character] = script
        return script


_script = _ScriptByCharacter().__getitem__


@cache
def _pattern() -> Any:
    import regex  # type: ignore[import-untyped]

    common = rf"(?P<{COMMON}>[\p{{Script=Common}}\p{{Script=Inherited}}])"
    return regex.compile(
        "|".join([common, *(rf"(?P<{name}>\p{{Script={name}}})" for name in _SCRIPTS.split())])
    )
