import pickle

import emoji
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.data.statistics.emoji_statistics import EmojiStatistics, find_emoji
from components.data.statistics.language_sample import UNDETERMINED, LanguageSample
from components.data.statistics.text_statistics import TextStatistics
from serving.scripts import dominant_script

TEXTS = st.lists(st.text(st.sampled_from("abc é的ひ😀❤️1, "), max_size=8), max_size=20)


def count(texts):
    statistics = TextStatistics()
    statistics.add_all(texts)
    return statistics.to_json(len(texts), buckets=5, top=3)


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("plain words", "Latin"),
        ("déjà vu", "Latin"),
        ("12:30 … 😀", "Common"),
        ("", "Common"),
        ("какая радость, wow", "Cyrillic"),
        ("wow очень", "Cyrillic"),
        ("我很高兴", "Han"),
        ("とても嬉しいです", "Hiragana"),
        ("정말 기뻐요", "Hangul"),
        ("أنا سعيد", "Arabic"),
        ("मैं खुश हूँ", "Devanagari"),
        ("𐌰𐌱𐌲", "Other"),
    ],
)
def test_the_script_is_that_of_most_letters(text, script):
    assert dominant_script(text) == script


def test_every_emoji_of_the_library_is_found():
    missed = [
        symbol
        for symbol in emoji.EMOJI_DATA
        if symbol[0] >= "\u2600" and find_emoji(f"so {symbol} here") != [symbol.replace("\ufe0f", "")]
    ]
    assert missed == []
    statistics = EmojiStatistics()
    statistics.add_all(symbol for symbol in emoji.EMOJI_DATA if symbol[0] >= "\u2600")
    assert statistics.texts == sum(symbol[0] >= "\u2600" for symbol in emoji.EMOJI_DATA)


def test_sequences_are_one_emoji_and_signs_are_none():
    assert find_emoji("hi 👩‍👩‍👧 and 👍🏽 or ❤️ and ❤ or 1️⃣") == ["👩‍👩‍👧", "👍🏽", "❤", "❤", "1⃣"]
    assert find_emoji("© 2020 ™ → 5 #1 caf\u00e9") == []


def test_emoji_are_counted_by_text_and_in_all():
    entry = count(["😀😀 ok", "ok", "😭", "naïve"])["emoji"]
    assert entry == {
        "texts": 2,
        "share": 0.5,
        "top": [{"emoji": "😀", "count": 2}, {"emoji": "😭", "count": 1}],
    }


def test_lengths_and_scripts():
    entry = count(["one two", "три", "three little words"])
    assert (entry["length_characters"]["min"], entry["length_characters"]["max"]) == (3, 18)
    assert (entry["length_words"]["mean"], entry["length_words"]["median"]) == (2, 2)
    assert entry["scripts"] == {"Latin": 2, "Cyrillic": 1}


def test_languages_are_told_where_there_is_enough_text():
    entry = count(
        [
            "I am so happy that you came to see me today",
            "Ich freue mich sehr, dass du heute gekommen bist",
            "我今天非常高兴你能来看我,谢谢你",
            "ok",
            "12345 67890 12345 67890 12345",
        ]
    )["languages"]
    assert entry == {"sample": 5, "counts": {"und": 2, "de": 1, "en": 1, "zh": 1}}
    assert UNDETERMINED == "und"


@given(st.lists(st.binary(max_size=4), max_size=60), st.integers(0, 60))
def test_the_sample_does_not_depend_on_the_division(texts, cut):
    whole, merged, second = (LanguageSample(size=5) for _ in range(3))
    whole.add_all(texts)
    merged.add_all(texts[:cut])
    second.add_all(texts[cut:])
    merged.merge(pickle.loads(pickle.dumps(second)))
    assert merged.texts() == whole.texts()
    assert len(whole.texts()) == min(5, len(set(texts)))


def test_the_sample_is_fair():
    sample = LanguageSample(size=500)
    sample.add_all([b"text number %d" % number for number in range(10_000)])
    numbers = [int(text.split()[-1]) for text in sample.texts()]
    assert len(numbers) == 500
    assert 4600 < sum(numbers) / 500 < 5400


@given(TEXTS, st.integers(0, 20))
def test_parts_can_be_merged(texts, cut):
    merged, second = TextStatistics(), TextStatistics()
    merged.add_all(texts[:cut])
    second.add_all(texts[cut:])
    merged.merge(second)
    assert merged.to_json(len(texts), buckets=5, top=3) == count(texts)


def test_no_texts():
    entry = count([])
    assert entry["emoji"] == {"texts": 0, "share": 0.0, "top": []}
    assert entry["languages"] == {"sample": 0, "counts": {}}
    assert entry["length_words"]["mean"] is None
