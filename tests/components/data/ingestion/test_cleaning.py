import pickle
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.data.ingestion.cleaning import Cleaning
from tests.components.data_stages import SHARED_DATA, needs_shared_data
from tests.growth import assert_linear, repeated

CLEANER = Cleaning().cleaner()

# fmt: off
PIECES = [
    "a", "é", "e\u0301", "&", ";", "#", "x", "3", "<", ">", "/", "b", "br", "amp", "lt", "&amp;", "&#38;", "&lt;",
    "&nbsp;", "&#8203;", "&#769;", "<br>", "<!--", "-->", "＆", "＜", "ﬁ", "\u200b", "\u200d", "\ufeff", "\0", "\x85",
    "\r\n", "\u2028", "\xa0", " ", "\t", "👩\u200d🚀", "\udc80",
]
# fmt: on
scrambled = st.lists(st.sampled_from(PIECES) | st.characters(), max_size=30).map("".join)
cleanings = st.builds(
    Cleaning,
    unicode=st.sampled_from(["NFC", "NFKC", None]),
    html_entities=st.booleans(),
    html_tags=st.booleans(),
    control_characters=st.booleans(),
    whitespace=st.booleans(),
)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("I am fine.", "I am fine."),
        ("cafe\u0301", "café"),
        ("Tom &amp; Jerry", "Tom & Jerry"),
        ("Tom &amp;amp;amp; Jerry", "Tom & Jerry"),
        ("I &lt;3 you, &quot;bro&quot; &#39;til &#x1F600; &hellip;", 'I <3 you, "bro" \'til 😀 …'),
        ("one<br />two<BR>three", "one two three"),
        ("<p class='x'>so <b>happy</b></p>", "so happy"),
        ("&lt;br&gt;escaped", "escaped"),
        ("a\u00a0b\u3000c\r\nd\u2028e\tf", "a b c d e f"),
        ("  two   spaces ", "two spaces"),
        ("soft\u00adhyphen zero\u200bwidth \ufeffBOM \u202eleft", "softhyphen zerowidth BOM left"),
        ("nul\0 bell\a delete\x7f c1\x9f", "nul bell delete c1"),
        ("j\u200b@x.com", "j@x.com"),
        ("", ""),
        (" \t\n\u200b", ""),
    ],
)
def test_what_a_source_did_is_repaired(text, clean):
    assert CLEANER.clean(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "AT&T, R&D, a & b, Q&A; this&that; &",
        "&nosuchentity; &amp without semicolon &#; &#x;",
        "I <3 you, x < y > z, <sigh> <rant>",
        "👩\u200d🚀 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f ❤\ufe0f",
        "می\u200cخواهم",
        "ﬁne ① ｗｉｄｅ",
        "bad \ufffd byte",
        "half \ud83d of a pair",
    ],
)
def test_what_was_meant_so_stays(text):
    assert CLEANER.clean(text) == text


def test_compatibility_characters_become_plain_with_nfkc():
    assert Cleaning(unicode="NFKC").cleaner().clean("ﬁne ① ｗｉｄｅ ＆amp；") == "fine 1 wide &"


def test_each_repair_can_be_switched_off():
    text = " e\u0301 &amp; <br>\0 x "
    off = Cleaning(
        unicode=None, html_entities=False, html_tags=False, control_characters=False, whitespace=False
    )
    assert off.cleaner().clean(text) == text
    on = {
        "unicode": "NFC",
        "html_entities": True,
        "html_tags": True,
        "control_characters": True,
        "whitespace": True,
    }
    cleaned = {name: Cleaning(**{**off.model_dump(), name: on[name]}).cleaner().clean(text) for name in on}
    assert cleaned == {
        "unicode": " é &amp; <br>\0 x ",
        "html_entities": " e\u0301 & <br>\0 x ",
        "html_tags": " e\u0301 &amp;  \0 x ",
        "control_characters": " e\u0301 &amp; <br> x ",
        "whitespace": "e\u0301 &amp; <br>\0 x",
    }


@given(scrambled, cleanings)
def test_a_clean_text_stays_as_it_is(text, cleaning):
    cleaner = cleaning.cleaner()
    clean = cleaner.clean(text)
    assert cleaner.clean(clean) == clean


@given(scrambled)
def test_clean_texts_are_normalized_and_evenly_spaced(text):
    clean = CLEANER.clean(text)
    assert unicodedata.is_normalized("NFC", clean)
    assert clean == " ".join(clean.split())


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_the_short_way_for_plain_ascii_does_what_the_long_way_does(text):
    """A word of another script at the end forces the long way."""
    assert CLEANER.clean(text + " é") == f"{CLEANER.clean(text)} é".strip()


def test_a_cleaner_travels_to_workers():
    assert pickle.loads(pickle.dumps(CLEANER)) == CLEANER


@pytest.mark.parametrize(
    "unit", ["&amp;", "&am&#8203;p;", "&", "<b", "<b<b>>", "<!--", "\u200b", " \n", "e\u0301", "&#", "<br>"]
)
def test_time_grows_in_proportion_to_the_text(unit):
    assert_linear(CLEANER.clean, *repeated(CLEANER.clean, unit, 400_000))


@needs_shared_data
def test_goemotions_loses_surplus_spaces_and_little_else():
    path = SHARED_DATA / "goemotions" / "train.tsv"
    texts = [line.split("\t")[0] for line in path.read_text(encoding="utf-8").split("\n")]
    repaired = [text for text in texts if CLEANER.clean(text) != " ".join(text.split())]
    assert len(repaired) == 2
    assert all("&#x200B;" in text or "\u202a" in text for text in repaired)
