"""Words stand where they were typed."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.evaluation.explanations.alignment import read_words
from components.modeling.emoji_policy import emoji_rules
from components.modeling.tiny_encoder import TINY_VOCABULARY
from tests.components.strange_texts import strange_texts
from tflite.host_tokenizer import HostTokenizer, TokenizerSpec
from tflite.pre_tokenization import split_words, word_spans
from tflite.text import CleaningRules, clean_text


def _tokenizer(*, uncased: bool = True, emoji: str = "keep") -> HostTokenizer:
    rules = CleaningRules(
        lowercase=uncased,
        strip_accents=uncased,
        special_tokens={"[NAME]": "[unused0]"},
        characters=emoji_rules(emoji),
    )
    return HostTokenizer(TokenizerSpec(vocabulary=TINY_VOCABULARY, rules=rules, max_tokens=512))


TOKENIZERS = [
    _tokenizer(uncased=uncased, emoji=emoji) for uncased in (True, False) for emoji in ("keep", "words")
]


def _check(text: str, tokenizer: HostTokenizer) -> None:
    """Every word piece belongs to one word, in order; words do not overlap and are what a reader would not cut."""
    words = read_words(text, tokenizer)
    pieces = [index for word in tokenizer.words(text) for index in tokenizer.word_ids(word)]
    assert [piece for word in words for piece in word.pieces] == list(range(len(pieces)))
    for one, other in pairwise(words):
        assert one.end <= other.start
    for word in words:
        # What was typed there is read as these pieces: nothing of them comes from elsewhere.
        assert 0 <= word.start < word.end <= len(text)
        own = text[word.start : word.end]
        read = [index for part in tokenizer.words(own) for index in tokenizer.word_ids(part)]
        assert read == [pieces[piece] for piece in word.pieces]


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_strange_texts_are_aligned(tokenizer: HostTokenizer) -> None:
    for text in strange_texts(300, seed=8):
        _check(text, tokenizer)


@settings(max_examples=60)
@given(st.text(max_size=40))
def test_any_text_is_aligned(text: str) -> None:
    for tokenizer in TOKENIZERS[::3]:
        _check(text, tokenizer)


@settings(max_examples=60)
@given(st.text(st.sampled_from("ab'é\u0301\u0323\u302e\u302f\U0001d165[NAME] .‍👩"), max_size=12))
def test_marks_and_placeholders_are_aligned(text: str) -> None:
    for tokenizer in TOKENIZERS:
        _check(text, tokenizer)


@settings(max_examples=60)
@given(st.text(max_size=60))
def test_spans_are_those_of_the_words(text: str) -> None:
    cleaned = clean_text(text, TOKENIZERS[0].spec.rules)
    assert [cleaned[start:end] for start, end in word_spans(cleaned)] == split_words(cleaned)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \u200b\t ", []),
        ("so  happy!!", ["so", "happy", "!", "!"]),
        ("Café, cafe\u0301.", ["Café", ",", "cafe\u0301", "."]),
        ("i don't, it’s 'ok'", ["i", "don't", ",", "it’s", "'", "ok", "'"]),
        ("for [NAME]'s dog", ["for", "[NAME]", "'", "s", "dog"]),
        ("dog\u200bhouse\u200b \ufffd", ["dog\u200bhouse"]),
        ("日本 한국", ["日", "本", "한국"]),
        ("ﬃ ½ नमस्ते", ["ﬃ", "½", "नमस्ते"]),
        ("a\r\nb", ["a", "b"]),
    ],
)
def test_words_are_those_that_were_typed(text: str, words: list[str]) -> None:
    assert [text[word.start : word.end] for word in read_words(text, TOKENIZERS[0])] == words


@pytest.mark.parametrize(
    ("emoji", "words"),
    [("keep", ["hi", "😀😀", "👩\u200d👧"]), ("words", ["hi", "😀", "😀", "👩\u200d👧"])],
)
def test_emoji_are_whole(emoji: str, words: list[str]) -> None:
    text = "hi 😀😀 👩\u200d👧"
    tokenizer = _tokenizer(emoji=emoji)
    found = read_words(text, tokenizer)
    assert [text[word.start : word.end] for word in found] == words
    assert all(word.pieces for word in found)
