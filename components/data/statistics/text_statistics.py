"""What the texts of one split look like: lengths, scripts, languages, emoji."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from components.data.statistics.distribution import Distribution
from components.data.statistics.emoji_statistics import EmojiStatistics
from components.data.statistics.language_sample import LanguageSample
from serving.scripts import dominant_script

__all__ = ["TextStatistics"]


@dataclass
class TextStatistics:
    """Accumulates texts; the same in any order and any division into parts.

    Attributes:
        characters: code points per text.
        words: words per text, divided at white space.
        scripts: texts by dominant script.
        emoji: the emoji in them.
        languages: a sample of them.
    """

    characters: Distribution = field(default_factory=Distribution)
    words: Distribution = field(default_factory=Distribution)
    scripts: Counter[str] = field(default_factory=Counter)
    emoji: EmojiStatistics = field(default_factory=EmojiStatistics)
    languages: LanguageSample = field(default_factory=LanguageSample)

    def add_all(self, texts: Sequence[str]) -> None:
        """Counts texts."""
        self.characters.add_all(map(len, texts))
        self.words.add_all([len(text.split()) for text in texts])
        self.scripts.update(map(dominant_script, texts))
        self.emoji.add_all(texts)
        self.languages.add_all([text.encode() for text in texts])

    def merge(self, other: "TextStatistics") -> None:
        """Adds what `other` has counted."""
        self.characters.merge(other.characters)
        self.words.merge(other.words)
        self.scripts.update(other.scripts)
        self.emoji.merge(other.emoji)
        self.languages.merge(other.languages)

    def to_json(self, rows: int, *, buckets: int, top: int) -> dict[str, Any]:
        """The entries of a split of `rows` texts in `statistics.json`, with the `top` most frequent emoji."""
        scripts = sorted(self.scripts.items(), key=lambda item: (-item[1], item[0]))
        return {
            "length_characters": self.characters.extract().to_json(buckets),
            "length_words": self.words.extract().to_json(buckets),
            "scripts": dict(scripts),
            "languages": self.languages.to_json(),
            "emoji": self.emoji.to_json(rows, top),
        }
