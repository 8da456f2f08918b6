"""What becomes of emoji before WordPiece: rules by code point, so that server and phone follow them without a library.

Sequences need no rules of their own, as they are made of code points that have some:

| sequence | `words` | `drop` |
|---|---|---|
| emoji, alone or with a variation selector (❤️) | its name: `red heart` | a space |
| with a skin tone (👍🏽) | the name without the tone, which says who speaks and not what is felt | a space |
| joined (👨‍👩‍👧, 🤷‍♀️) | the names one after the other: `man woman girl` | spaces |
| flag (🇩🇪) | nothing, likewise: its two letters are no words | nothing |
| keycap (5️⃣) | the digit | the digit |

Signs of ordinary text that may be shown as emoji (©, ™, ‼, arrows) are left as they are.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Literal, TypeAlias

__all__ = ["EmojiPolicy", "emoji_names", "emoji_rules"]

EmojiPolicy: TypeAlias = Literal["keep", "words", "drop"]

_FIRST_PICTOGRAPH = 0x2300
"""Below are ©, ®, ™, ℹ, ‼, ⁉ and arrows."""

_VARIATION_SELECTOR = "\ufe0f"
_KEYCAP = "\u20e3"
_SKIN_TONES = tuple(map(chr, range(0x1F3FB, 0x1F400)))
_REGIONAL_INDICATORS = tuple(map(chr, range(0x1F1E6, 0x1F200)))
_PARTS = (_VARIATION_SELECTOR, _KEYCAP, *_SKIN_TONES, *_REGIONAL_INDICATORS)
"""What says nothing without its neighbours."""


def emoji_rules(policy: EmojiPolicy) -> Mapping[str, str]:
    """The `characters` of the cleaning rules (`tflite.text.CleaningRules`) under a policy; none for `keep`."""
    if policy == "keep":
        return {}
    names = emoji_names()
    replaced = {character: f" {name} " if policy == "words" else " " for character, name in names.items()}
    return replaced | dict.fromkeys(_PARTS, "")


def emoji_names() -> Mapping[str, str]:
    """The English name of every emoji of one code point, in ASCII letters, digits and spaces."""
    import emoji

    known = {sequence.rstrip(_VARIATION_SELECTOR): data["en"] for sequence, data in emoji.EMOJI_DATA.items()}
    return {
        character: _plain(name)
        for character, name in sorted(known.items())
        if len(character) == 1 and _is_pictograph(character)
    }


def _is_pictograph(character: str) -> bool:
    is_mark = unicodedata.category(character).startswith("P")
    return ord(character) >= _FIRST_PICTOGRAPH and not is_mark and character not in _PARTS


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return " ".join(re.findall("[A-Za-z0-9]+", letters))
