import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tflite import text as canonical
from tflite.text import NEWER_THAN_UNICODE_13, UNKNOWN_CHARACTER, CleaningRules, clean_text

UNCASED = CleaningRules(lowercase=True, strip_accents=True)
CASED = CleaningRules(lowercase=False, strip_accents=False)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Café NAÏVE", "cafe naive"),
        ("a\tb\nc\rd\u00a0e\u2028f\u3000g", "a b c d e f g"),
        ("zero\u200bwidth soft\u00adhyphen \u202eright", "zerowidth softhyphen right"),
        ("bell\x07 nul\x00 vt\x0bff\x0cnel\x85", "bell nul vtffnel"),
        ("gone \ufffd, kept \U0001fae0 \ue123", "gone , kept \U0001fae0 \ue123"),
        ("lone \ud800 surrogate", "lone  surrogate"),
        ("İSTANBUL ΟΔΟΣ", "istanbul οδοσ"),
        ("한국어 Å ﬁ ①", unicodedata.normalize("NFD", "한국어 a ﬁ ①")),
        ("", ""),
    ],
)
def test_uncased_cleaning(text: str, cleaned: str) -> None:
    assert clean_text(text, UNCASED) == cleaned


def test_cased_cleaning_keeps_case_and_accents_but_not_controls() -> None:
    assert clean_text("Café\u200b\tÀ", CASED) == "Café À"


def test_lowercase_without_stripping_accents() -> None:
    rules = CleaningRules(lowercase=True, strip_accents=False)
    assert clean_text("ÀÉ İ", rules) == "àé i\u0307"


def test_special_tokens_are_matched_exactly_and_separated() -> None:
    rules = CleaningRules(lowercase=True, strip_accents=True, special_tokens={"[NAME]": "xxname"})
    assert clean_text("hi[NAME]! [name] [NA\u200bME]", rules) == "hi xxname ! [name] [name]"


def test_characters_are_replaced_before_all_but_special_tokens() -> None:
    rules = CleaningRules(
        lowercase=True,
        strip_accents=True,
        special_tokens={"[😀]": "xxsmile"},
        characters={"😀": " Grinning Fâce ", "\ufe0f": "", "\u200d": " "},
    )
    assert clean_text("so😀\ufe0f!a\u200db [😀]", rules) == "so grinning face !a b  xxsmile "


@pytest.mark.parametrize(
    ("characters", "message"),
    [
        ({"ab": ""}, "'ab' is not one character beyond ASCII"),
        ({"a": "b"}, "'a' is not one character beyond ASCII"),
        ({"é": "\ud800"}, "has no UTF-8 form"),
        ({"\udc80": ""}, "has no UTF-8 form"),
    ],
)
def test_unfit_characters_are_refused(characters: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CleaningRules(lowercase=True, strip_accents=True, characters=characters)


def test_cleaning_twice_changes_nothing() -> None:
    text = "Ünïcödé\u200d \u1e9b\u0323 [NAME] 😀\t字\U00010570"
    once = clean_text(text, UNCASED)
    assert clean_text(once, UNCASED) == once


def test_characters_that_unicode_tables_disagree_on_are_unknown_whatever_the_python() -> None:
    # U+11F02 (Kawi, Unicode 15) and U+10570 (Vithkuqi, Unicode 14, has a lower case).
    assert clean_text("a\U00011f00b", UNCASED) == f"a{UNKNOWN_CHARACTER}b"
    assert clean_text("\U00010570", UNCASED) == UNKNOWN_CHARACTER
    assert unicodedata.category(UNKNOWN_CHARACTER) == "Co"


def test_every_spacing_mark_that_nfd_may_move_is_known() -> None:
    newer = re.compile(f"[{NEWER_THAN_UNICODE_13}]")
    marks = [
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if unicodedata.combining(character) and unicodedata.category(character) != "Mn"
    ]
    unknown = [mark for mark in marks if not canonical._MARKS_THAT_MOVE.match(mark) and not newer.match(mark)]
    assert len(marks) > 20
    assert unknown == []


SPACING_MARKS = "\u302e\u302f\U0001d165\U0001d16d\U00016ff0\u1b44"
CHARACTERS = st.one_of(
    st.sampled_from(f" \t\x00aÉİΣ\u0301\u0327\u034f\u200d😀字한{SPACING_MARKS}"), st.characters()
)


@pytest.mark.parametrize(
    "rules",
    [
        UNCASED,
        CASED,
        CleaningRules(lowercase=True, strip_accents=False),
        CleaningRules(lowercase=True, strip_accents=True, characters={"😀": "\u302fÉ", "字": ""}),
    ],
)
@given(text=st.text(CHARACTERS, max_size=12))
def test_the_table_of_code_points_does_what_the_steps_do(rules: CleaningRules, text: str) -> None:
    assert clean_text(text, rules) == canonical._clean_characters(text, rules)


@given(before=st.text(CHARACTERS, max_size=8), after=st.text(CHARACTERS, max_size=8))
def test_nothing_looks_beyond_a_space(before: str, after: str) -> None:
    cleaned = " ".join(clean_text(part, UNCASED) for part in (before, after))
    assert clean_text(f"{before} {after}", UNCASED) == cleaned


def test_class_of_newer_characters_holds_no_symbol_that_people_use() -> None:
    ranges = [part for part in _ranges(NEWER_THAN_UNICODE_13) if part[1] < 0x600 or part[0] >= 0x1F000]
    assert ranges == []


def _ranges(character_class: str) -> list[tuple[int, int]]:
    characters = list(character_class)
    ranges = []
    while characters:
        first = characters.pop(0)
        last = first
        if characters[:1] == ["-"]:
            characters.pop(0)
            last = characters.pop(0)
        ranges.append((ord(first), ord(last)))
    return ranges
