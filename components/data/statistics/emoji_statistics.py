"""Which emoji texts hold."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["EmojiStatistics", "find_emoji"]

_VARIATION_SELECTOR = "\ufe0f"
_FIRST_SYMBOL = "\u2600"

_CANDIDATE = re.compile(
    "[\u2600-\u27bf\u2934\u2935\u2b00-\u2bff\u3030-\u3299\U0001f000-\U0001faff\ufe0f\u20e3]"
)
"""What every text with an emoji holds: a class of ranges, as a class of each emoji would be searched one by one."""


@dataclass
class EmojiStatistics:
    """Accumulates texts; there are only some thousand emoji to count.

    Attributes:
        texts: how many texts hold one.
        counts: how often each occurred.
    """

    texts: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    def add_all(self, texts: Iterable[str]) -> None:
        """Counts the emoji of texts."""
        search = _CANDIDATE.search
        for text in texts:
            if not text.isascii() and search(text) and (found := find_emoji(text)):
                self.texts += 1
                self.counts.update(found)

    def merge(self, other: "EmojiStatistics") -> None:
        """Adds what `other` has counted."""
        self.texts += other.texts
        self.counts.update(other.counts)

    def to_json(self, rows: int, top: int) -> dict[str, Any]:
        """Texts with emoji, their share of `rows`, and the most frequent emoji."""
        ranked = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:top]
        return {
            "texts": self.texts,
            "share": self.texts / rows if rows else 0.0,
            "top": [{"emoji": symbol, "count": count} for symbol, count in ranked],
        }


def find_emoji(text: str) -> list[str]:
    """The emoji of a text in order, sequences as one, without variation selectors.

    What Unicode calls an emoji but people write as a letter or sign (`©`, `™`, an arrow) is one only with the selector.
    """
    import emoji

    found = [token["emoji"] for token in emoji.emoji_list(text)]
    return [
        symbol.replace(_VARIATION_SELECTOR, "")
        for symbol in found
        if len(symbol) > 1 or symbol >= _FIRST_SYMBOL
    ]
