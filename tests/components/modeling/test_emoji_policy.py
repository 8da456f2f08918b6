"""The emoji rules on every emoji sequence that the emoji library knows, in both tokenizers."""

import emoji
import pytest
import tensorflow as tf

from components.modeling.emoji_policy import EmojiPolicy, emoji_names, emoji_rules
from components.modeling.tokenization import in_graph_tokenizer
from tflite.host_tokenizer import HostTokenizer, TokenizerSpec
from tflite.text import CleaningRules, clean_text

SEQUENCES = tuple(emoji.EMOJI_DATA)
WORDS = """
red heart face with tears of joy man woman girl thumbs up fire white flag rainbow the right arrow
"""
VOCABULARY = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS.split(), *"0123456789#*©🏽😂❤", "##❤")


def _spec(policy: EmojiPolicy, *, uncased: bool = True) -> TokenizerSpec:
    rules = CleaningRules(lowercase=uncased, strip_accents=uncased, characters=emoji_rules(policy))
    return TokenizerSpec(vocabulary=VOCABULARY, rules=rules, max_tokens=32)


@pytest.mark.parametrize(
    ("text", "words", "dropped"),
    [
        ("so😂funny", ["so", "face", "with", "tears", "of", "joy", "funny"], ["so", "funny"]),
        ("❤️❤", ["red", "heart", "red", "heart"], []),
        ("👍🏽!", ["thumbs", "up", "!"], ["!"]),
        ("👨‍👩‍👧", ["man", "woman", "girl"], []),
        ("❤️‍🔥 🏳️‍🌈", ["red", "heart", "fire", "white", "flag", "rainbow"], []),
        ("from 🇩🇪 5️⃣", ["from", "5"], ["from", "5"]),
        ("5 © ™ ‼ ➡", ["5", "©", "™", "‼", "right", "arrow"], ["5", "©", "™", "‼"]),
    ],
)
def test_policies(text: str, words: list[str], dropped: list[str]) -> None:
    assert HostTokenizer(_spec("words")).words(text) == words
    assert HostTokenizer(_spec("drop")).words(text) == dropped


def test_keep_adds_no_rules() -> None:
    assert emoji_rules("keep") == {}
    assert HostTokenizer(_spec("keep")).words("so😂 ❤️") == ["so😂", "❤"]


def test_names_are_plain_words_of_single_pictographs() -> None:
    names = emoji_names()
    assert len(names) > 1300
    assert all(len(character) == 1 and not character.isascii() for character in names)
    assert all(name and name.replace(" ", "").isalnum() and name.isascii() for name in names.values())
    assert names["🪅"] == "pinata"


@pytest.mark.parametrize("policy", ["words", "drop"])
def test_only_signs_of_ordinary_text_are_left(policy: EmojiPolicy) -> None:
    rules = _spec(policy).rules
    left = {clean_text(sequence, rules).strip() for sequence in SEQUENCES}
    assert len(SEQUENCES) > 5000
    assert {text for text in left if not text.isascii()} == set("©®‼⁉™ℹ↔↕↖↗↘↙↩↪〰〽") | (
        {"slightly smiling face ↔", "slightly smiling face ↕"} if policy == "words" else set()
    )
    if policy == "drop":
        assert {text for text in left if text.isascii()} == {"", *"0123456789#*"}


@pytest.mark.parametrize("uncased", [True, False])
@pytest.mark.parametrize("policy", ["keep", "words", "drop"])
def test_every_sequence_gives_equal_ids_in_both_tokenizers(policy: EmojiPolicy, uncased: bool) -> None:
    spec = _spec(policy, uncased=uncased)
    texts = [text for sequence in SEQUENCES for text in (sequence, f"the{sequence}{sequence}the")]
    found = in_graph_tokenizer(spec).tokenize(tf.constant([text.encode() for text in texts])).to_list()
    host = HostTokenizer(spec)
    assert [text for text, ids in zip(texts, found, strict=True) if ids != host.encode(text)] == []
    hearts = sum(spec.id_by_token["heart"] in ids for ids in found)
    assert hearts > 20 if policy == "words" else hearts == 0


def test_every_code_point_is_cleaned_alike() -> None:
    spec = _spec("words")
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    cleaned = in_graph_tokenizer(spec).clean(tf.constant([character.encode() for character in characters]))
    different = [
        f"U+{ord(character):04X}"
        for character, twin in zip(characters, cleaned.numpy(), strict=True)
        if twin != clean_text(character, spec.rules).encode()
    ]
    assert different == []
