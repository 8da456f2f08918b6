"""Which split an example belongs to, by a hash that any machine computes alike."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["HashSplitter", "canonical_split", "normalize_text", "split_in_name"]

_ALIASES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


def canonical_split(name: str) -> str:
    """`validation` for dev, val and valid, `train` for training, `test` for testing; any other name as it is."""
    return _ALIASES.get(name.lower(), name)


def split_in_name(words: Sequence[str]) -> str | None:
    """The split that the words of a file name mention, or None."""
    return next((_ALIASES[word.lower()] for word in words if word.lower() in _ALIASES), None)


def normalize_text(text: str) -> str:
    """The text without differences in case and white space: equal results count as one text."""
    return " ".join(text.casefold().split())


@dataclass(frozen=True)
class HashSplitter:
    """Deals keys to splits in given shares.

    Attributes:
        shares: name and share (0-1) of each split; the shares sum up to 1.
        salt: another salt gives another, equally valid division.
    """

    shares: tuple[tuple[str, float], ...]
    salt: str

    def fraction(self, key: str) -> float:
        """A number in [0, 1) that depends on salt and key alone: the first 64 bits of their SHA-256."""
        digest = hashlib.sha256(f"{self.salt}\0{key}".encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2**64

    def split(self, key: str) -> str:
        """Name of the key's split."""
        fraction = self.fraction(key)
        threshold = 0.0
        positive = [(name, share) for name, share in self.shares if share > 0]
        for name, share in positive:
            threshold += share
            if fraction < threshold:
                return name
        return positive[-1][0]
