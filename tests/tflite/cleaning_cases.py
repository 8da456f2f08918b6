"""Writes what the cleanings of the samples are held against: nasty strings, and every code point there is.

    python -m tests.tflite.cleaning_cases

`cleaning.jsonl` holds rule sets in its first line, then `[rule set, text, cleaned text]` a line. The texts of
`lone_surrogates.jsonl`, of the same form, are in no Unicode string: for languages that can hold them all the same.
`code_points.json` holds a hash of what becomes of each block of 4096 code points, by rule set; 16 blocks a plane, of
the planes 0 to 3 and 14.
"""

import json
import random
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from components.infra.probe_texts import HARD_TEXTS
from tflite.text import CleaningRules, clean_text

__all__ = ["DIRECTORY", "RULES", "files", "read_cases"]

DIRECTORY = Path(__file__).parents[2] / "tflite" / "samples" / "shared"

RULES: tuple[CleaningRules, ...] = (
    CleaningRules(
        lowercase=True, strip_accents=True, special_tokens={"[NAME]": "xxname", "[RELIGION]": "xxreligion"}
    ),
    CleaningRules(lowercase=False, strip_accents=False),
    CleaningRules(lowercase=True, strip_accents=False),
    CleaningRules(lowercase=False, strip_accents=True),
    # What a replacement or a pattern of some language would take for its own.
    CleaningRules(
        lowercase=True,
        strip_accents=True,
        special_tokens={"$&": "xx$1", "\\1.*": "xx\\0", "[É]": "XXÉ", "😀😀": "xxtwo"},
        characters={
            "😀": " Grinning FÂCE ",
            "\u200d": "",
            "\ufe0f": "",
            "ß": "$&",
            "字": "\u302fÉ\t",
            "\xa0": "_",
        },
    ),
)

BLOCK = 0x1000
_PLANES = (0, 1, 2, 3, 14)
"""All but those without a single character, and those of private use."""

_SURROGATES = range(0xD800, 0xE000)

_WHITE_SPACE = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_ALMOST_WHITE_SPACE = "\x1c\x1d\x1e\x1f\u180e\u200b\u2060\ufeff\u2800\u3164"
_BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_CONTROLS = "".join(map(chr, (*range(0x20), *range(0x7F, 0xA0))))
_FORMAT = (
    "\xad\u0600\u06dd\u070f\u08e2\u180e\u200c\u200d\u2061\u206a\ufeff\ufff9\U000110bd\U0001bca0"
    "\U0001d173\U000e0001\U000e0041"
)
_MARKS = (
    "\u0300\u0301\u0308\u0323\u0327\u0328\u0335\u0345\u034f\u0483\u05b0\u0610\u064b\u0670\u0711\u094d"
    "\u0e38\u0f71\u1ab0\u1dc0\u20d0\u302a\u3099\ufe00\ufe0f\ufe20\U000101fd\U0001d167\U0001e8d0"
    "\U000e0100"
)
_SPACING_MARKS = (
    "\u0903\u093e\u0bbe\u1715\u1734\u1b44\u1baa\u302e\u302f\ua953\ua9c0\U000111c0\U00011235\U0001134d"
    "\U000116b6\U0001d165\U0001d166\U0001d16d\U0001d172\U00016ff0\u0488\u20dd"
)
_CASES = "IıİiÌÍĨĮſKÅΩΣσςßẞŉǰΐΰևẖẗẘẙẚﬀﬁﬂﬃﬄﬅﬆﬓﬔﬕﬖﬗǄǅǆǇǈǉÞÐÆŒĲŊԱႠᎠꭰᲐაᏸἈᾈᾼῼⅧⓐⒶＡａ𐐀𐐨𐲀𑢠𖹀𞤀ȺȾẠỰÀÉÑÖÇ"
_COMPATIBILITY = (
    "①㍿㎏ﷺﷻ㋿ｱｶﾞ½²™ℵℌ𝓐𝔸𝟘ﾡ㈀豈更車賈滑羅\U0002f800\u2126\u212a\u212b\u0340\u0341\u0343\u0344\u0374\u037e\u0387"
    "\u1fef\u2000\u2329\u2adc\ufb1d\ufb4e"
)
_HANGUL = "가각힣한국어\u1100\u1161\u11a8\u115f\u1160\ua960\ud7b0\ud7cb\u3131\u3164\uffa0"
_INDIC = "क़\u0958ड़ह्न्दी\u09cb\u09dcਲ਼\u0b48\u0b94\u0cc0\u0d4a\u0ddd\u0f43\u0f73\u1026\u1b06\U0001109a\U0001112e"
_ARABIC = "أإآؤئلا\u0640\u0653\u06c0\u06d3ﷲﻻ\u0671\u0627\u0654٠۱"
_CJK = "一丁龥㐀\U00020000\U0002a6df\U0002b740、。「」ー々〇〆\u3005\ufa0e\ufa11漢字かなカナが\u304b\u3099"
_EMOJI = "😀😭❤☹👍🏽👩🦰🏳🌈🇩🇪©®‼⁉#\u20e3\u200d\ufe0f🫠🥲"
_NEWER = (
    "\u061d\u0898\u08ca\u0c3c\u0ece\u1ac1\u1b4e\u1dfa\u2c2f\u2e53\ua7c0\ua7dc\U00010570\U0001057a"
    "\U00010d50\U00011f00\U0001e08f\U0001e6f5"
)
_NEIGHBOURS = (
    "\u061e\u08a0\u08d3\u0c3d\u1ac0\u2c30\ua7bf\ua7ca\U0001056f\U000105e5\ue000\ue001\ufffd\ufffe"
    "\uffff\U0010ffff\U0001fae0"
)
_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~¡§«¶·»¿‐–—‘’“”…‰′‹›‽⁀⁅₌〈《〜゠﹏！＂￥"
_EVERY_CATEGORY = "\x00\xad\ue000\ud7a4aAǅʰªـ\u0301\u0903\u20dd0Ⅷ½_-()«»!$+^© \u2028\u2029"
_ALPHABETS = (
    _WHITE_SPACE, _ALMOST_WHITE_SPACE, _BIDI, _CONTROLS, _FORMAT, _MARKS, _SPACING_MARKS, _CASES, _COMPATIBILITY,
    _HANGUL, _INDIC, _ARABIC, _CJK, _EMOJI, _NEWER, _NEIGHBOURS, _PUNCTUATION, _EVERY_CATEGORY,
)  # fmt: skip

_WRITTEN = (
    "Zalgo: h\u0315\u0301\u0322e\u0334\u0345l\u0337\u034fl\u0335\u0321o\u0336",
    "cafe\u0301 café CAFÉ CAFE\u0301",
    "\u1e9b\u0323 \u1e9b \u017f\u0323\u0307",
    "q\u0307\u0323 q\u0323\u0307 a\u0308\u0301\u0327\u0328",
    "\U0001d15e\U0001d160 \U0001d158\U0001d165\U0001d16e \U0001d1bb",
    "\u302f\u302e\u302f \u1b44\u302f\u1baa",
    "👨‍👩‍👧‍👦 👩🏽‍🚀 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f 🏳️‍🌈 1️⃣ 🇩🇪🇫🇷",
    "नमस्ते क्\u200dष क्\u200cष श्री",
    "مُحَمَّد رَسُول می\u200cخواهم",
    "שָׁלוֹם \u202eשלום\u202c",
    "ﷺ ﷲ ﬁﬂﬃ ĳ Ǆ ﬅ",
    "ΌΔΟΣ ὈΔΥΣΣΕΎΣ Σ ΑΣ ΑΣ. ΑΣΑ",
    "DİYARBAKIR ISPARTA ıİiI Ì̇",
    "\u00c5 \u212b A\u030a \u2126 \u03a9 \u212a K",
    "각 \u1100\u1161\u11a8 각\u11a8 \u1112\u1161\u11ab",
    "ｶﾞｷﾞ ガ カ\u3099 ㌀",
    "a\x00b \x00 \x00\x00",
    "\ufeffBOM first \ufffebackwards",
    "a\u00adb\u200bc\u2060d\ufefee",
    "tab\there\r\nnew\u2028line\u2029para\x85nel\x0bvt\x0cff",
    "\\u0041 \\x41 &amp; &#x41; %41 ${a} $1 $& \\1 {{a}}",
    "[NAME][NAME] [name] [NA\u200bME] [NAME [NAME]] [RELIGION]s",
    "$& $&$& \\1.* [É] [E\u0301] 😀😀 😀😀😀",
    "ß ẞ 字 😀\ufe0f\u200d😀 a\xa0b",
    "</script><script>alert(1)</script> '; DROP TABLE texts; --",
    "١٢٣ ۱۲۳ १२३ 一二三 ⅠⅡⅢ",
)  # fmt: skip

_UNHOLDABLE = (
    "\ud800",
    "\udfff",
    "a\ud83d",
    "\ude00b",
    "\ude00\ud83d",
    "é\udc80\u0301",
    "\ud800\ud800 [NAME]\udbff",
    "x\ud83d😀\ude00y",
)


def read_cases(name: str) -> list[tuple[CleaningRules, str, str]]:
    """Rules, text and cleaned text of each line of a file that `files` made."""
    header, *lines = (DIRECTORY / name).read_text(encoding="ascii").splitlines()
    rules = [CleaningRules(**document) for document in json.loads(header)]
    return [(rules[number], text, cleaned) for number, text, cleaned in map(json.loads, lines)]


def files() -> dict[str, str]:
    """The files' contents by name, ASCII."""
    texts = list(dict.fromkeys(_texts()))
    return {
        "cleaning.jsonl": _json_lines(texts, share=4),
        "lone_surrogates.jsonl": _json_lines(
            [f"{before}{text}" for before in ("", "É ") for text in _UNHOLDABLE]
        ),
        "code_points.json": json.dumps([_block_hashes(rules) for rules in RULES], separators=(",", ":"))
        + "\n",
    }


def _json_lines(texts: list[str], share: int = 1) -> str:
    """All texts by the first rules, whose effects are the most, and every `share`th by each of the others."""
    cases = [
        (number, text, clean_text(text, rules))
        for number, rules in enumerate(RULES)
        for text in (texts[number % share :: share] if number else texts)
    ]
    header = json.dumps([_document(rules) for rules in RULES])
    return "\n".join([header, *(json.dumps(case, separators=(",", ":")) for case in cases)]) + "\n"


def _document(rules: CleaningRules) -> dict[str, object]:
    return {
        "lowercase": rules.lowercase,
        "strip_accents": rules.strip_accents,
        "special_tokens": dict(rules.special_tokens),
        "characters": dict(rules.characters),
    }


def _block_hashes(rules: CleaningRules) -> list[str]:
    return [
        _fnv1a(clean_text(_block(first), rules).encode())
        for plane in _PLANES
        for first in range(plane << 16, (plane + 1) << 16, BLOCK)
    ]


def _block(first: int) -> str:
    """Each code point of a block but surrogates, between letters and with a mark behind it."""
    return " ".join(f"A{chr(code)}\u0327E" for code in range(first, first + BLOCK) if code not in _SURROGATES)


def _fnv1a(data: bytes) -> str:
    """The 32-bit FNV-1a hash in hexadecimal: a few lines in any language."""
    value = 0x811C9DC5
    for byte in data:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return f"{value:08x}"


def _texts() -> Iterator[str]:
    yield from HARD_TEXTS
    yield from _WRITTEN
    yield from (character for alphabet in _ALPHABETS for character in alphabet)
    yield from (f"aB{character}Cd" for alphabet in _ALPHABETS for character in alphabet)
    yield from (
        f"{base}{first}{second}"
        for base in "aÉ"
        for first, second in product(_MARKS[:8] + _SPACING_MARKS[3:11], repeat=2)
    )
    chance = random.Random(20)
    for alphabet in _ALPHABETS:
        for length in (3, 8, 30):
            yield from ("".join(chance.choices(alphabet + " aZ", k=length)) for _ in range(4))
    everything = "".join(_ALPHABETS) + "abc XYZ "
    yield from ("".join(chance.choices(everything, k=length)) for length in (5, 12, 25) for _ in range(80))
    yield from (
        "".join(chance.choices(everything, k=2000)),
        "É" * 2000,
        "a\u0301" * 1500,
        "a" + "\u0301\u0323" * 800,
        "\u200b" * 1500 + "x",
    )
    assigned = [*range(0x20, 0xD800), *range(0xE000, 0x323B0)]
    yield from ("".join(map(chr, chance.choices(assigned, k=6))) for _ in range(200))


if __name__ == "__main__":
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for name, content in files().items():
        (DIRECTORY / name).write_text(content, encoding="ascii")
        print(f"{name}: {len(content.splitlines()):,} lines, {len(content):,} bytes")
