import json
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from tflite.host_tokenizer import ContextPosition, HostTokenizer, TokenizerSpec
from tflite.text import CleaningRules

WORDS = "xxname hug ##s ##ging the [ ] cls unk happy un ##happi ##ness ! . 字 x ##x é cafe"
VOCABULARY = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS.split())
UNCASED = CleaningRules(lowercase=True, strip_accents=True, special_tokens={"[NAME]": "xxname"})


def _spec(*, max_tokens: int = 16, rules: CleaningRules = UNCASED) -> TokenizerSpec:
    return TokenizerSpec(vocabulary=VOCABULARY, rules=rules, max_tokens=max_tokens)


def _pieces(text: str, **options: int) -> list[str]:
    spec = _spec(**options)  # type: ignore[arg-type]
    return [spec.vocabulary[index] for index in HostTokenizer(spec).encode(text)]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Hugs", ["hug", "##s"]),
        ("unhappiness", ["un", "##happi", "##ness"]),
        ("hugging...happy!", ["hug", "##ging", ".", ".", ".", "happy", "!"]),
        ("the[NAME]hugs", ["the", "xxname", "hug", "##s"]),
        ("字字happy字", ["字", "字", "happy", "字"]),
        ("Café", ["cafe"]),
        ("😀 hug😀", ["[UNK]", "[UNK]"]),
        ("", []),
        (" \t ", []),
    ],
)
def test_wordpiece(text: str, pieces: list[str]) -> None:
    assert _pieces(text) == ["[CLS]", *pieces, "[SEP]"]


def test_names_of_control_tokens_in_a_text_are_words() -> None:
    assert _pieces("[CLS] [UNK]") == ["[CLS]", "[", "cls", "]", "[", "unk", "]", "[SEP]"]


def test_what_is_remembered_changes_nothing() -> None:
    tokenizer = HostTokenizer(_spec())
    texts = ["hugs  Café,hugs 😀", "x" * 70, "the[NAME]hugs hugs", "x" * 70]
    first = [tokenizer.encode(text) for text in texts]
    assert [tokenizer.encode(text) for text in texts] == first
    assert first == [HostTokenizer(_spec()).encode(text) for text in texts]
    assert tokenizer.words(texts[0]) == ["hugs", "cafe", ",", "hugs", "😀"]
    assert tokenizer.word_ids("hugs") == (6, 7)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tflite.host_tokenizer._MAX_REMEMBERED", 10)
    tokenizer = HostTokenizer(_spec(max_tokens=64))
    for number in range(100):
        assert tokenizer.encode(f"x{'x' * (number % 30)}!")[-2] == VOCABULARY.index("!")
    sizes = [len(tokenizer._ids_by_chunk), len(tokenizer._ids_by_word), len(tokenizer._words_by_chunk)]
    assert max(sizes) <= 10


def test_truncation_keeps_the_last_token_sep() -> None:
    assert _pieces("hugs hugs hugs", max_tokens=5) == ["[CLS]", "hug", "##s", "hug", "[SEP]"]


@pytest.mark.parametrize(("word", "known"), [("x" * 100, True), ("x" * 101, False)])
def test_a_word_of_more_than_100_bytes_is_unknown(word: str, known: bool) -> None:
    pieces = _pieces(word, max_tokens=128)[1:-1]
    assert pieces == (["x", *["##x"] * 99] if known else ["[UNK]"])


def test_cased_vocabulary_keeps_case_and_accents() -> None:
    spec = _spec(rules=CleaningRules(lowercase=False, strip_accents=False))
    ids = HostTokenizer(spec).encode("é The the")
    assert [spec.vocabulary[index] for index in ids] == ["[CLS]", "é", "[UNK]", "the", "[SEP]"]


def test_spec_survives_saving_even_with_line_separators_as_tokens(tmp_path: Path) -> None:
    spec = TokenizerSpec(vocabulary=(*VOCABULARY, "\u2028", "\x85", "\u0153"), rules=UNCASED, max_tokens=7)
    spec.save(tmp_path / "tokenizer")
    assert TokenizerSpec.load(tmp_path / "tokenizer") == spec
    lines = (tmp_path / "tokenizer" / "vocab.txt").read_bytes().split(b"\n")
    assert lines[5] == b"xxname"


def test_spec_of_another_format_is_refused(tmp_path: Path) -> None:
    _spec().save(tmp_path)
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 4}))
    with pytest.raises(ValueError, match="format_version is 4, expected 3 or older"):
        TokenizerSpec.load(tmp_path)


def test_spec_of_the_first_format_is_read(tmp_path: Path) -> None:
    _spec().save(tmp_path)
    path = tmp_path / "tokenizer.json"
    document = {**json.loads(path.read_text()), "format_version": 1}
    del document["characters"], document["segments"], document["context_position"]
    path.write_text(json.dumps(document))
    assert TokenizerSpec.load(tmp_path) == _spec()


def test_characters_and_segments_survive_saving(tmp_path: Path) -> None:
    rules = CleaningRules(lowercase=True, strip_accents=True, characters={"😀": " happy "})
    spec = TokenizerSpec(
        vocabulary=VOCABULARY, rules=rules, max_tokens=8, segments=2, context_position="after"
    )
    spec.save(tmp_path)
    assert TokenizerSpec.load(tmp_path) == spec
    assert HostTokenizer(spec).words("hug😀") == ["hug", "happy"]


@pytest.mark.parametrize(
    ("position", "text", "context", "pieces", "segments"),
    [
        ("before", "hug the", "happy", "[CLS] happy [SEP] hug the [SEP]", "000111"),
        ("after", "hug the", "happy", "[CLS] hug the [SEP] happy [SEP]", "000011"),
        # The context loses its beginning, the text nothing.
        ("before", "hug the hug", "x happy !", "[CLS] happy ! [SEP] hug the hug [SEP]", "00001111"),
        ("after", "hug the hug", "x happy !", "[CLS] hug the hug [SEP] happy ! [SEP]", "00000111"),
        ("before", "hug the hug the hug", "x !", "[CLS] hug the hug the hug [SEP]", "0000000"),
        ("after", "hug the hug the hug", "x !", "[CLS] hug the hug the hug [SEP]", "0000000"),
        ("before", "hug the hug the hug the hug", "x !", "[CLS] hug the hug the hug the [SEP]", "00000000"),
        ("before", "hug", " \t", "[CLS] hug [SEP]", "000"),
        ("after", "hug", " \t", "[CLS] hug [SEP]", "000"),
        ("before", "", "happy", "[CLS] happy [SEP] [SEP]", "0001"),
        ("after", "", "happy", "[CLS] [SEP] happy [SEP]", "0011"),
    ],
)
def test_a_context_gives_way_to_the_text(
    position: ContextPosition, text: str, context: str, pieces: str, segments: str
) -> None:
    spec = replace(_spec(max_tokens=8), context_position=position)
    found, found_segments = HostTokenizer(spec).encode_pair(text, context)
    assert [spec.vocabulary[index] for index in found] == pieces.split()
    assert "".join(map(str, found_segments)) == segments


@pytest.mark.parametrize(
    ("vocabulary", "rules", "max_tokens", "message"),
    [
        (("[PAD]", "[UNK]", "a"), UNCASED, 8, r"lacks \[CLS\], \[SEP\], xxname"),
        ((*VOCABULARY, "hug"), UNCASED, 8, "'hug' twice"),
        (VOCABULARY, UNCASED, 2, "max_tokens is 2"),
    ],
)
def test_unfit_specs_are_refused(
    vocabulary: tuple[str, ...], rules: CleaningRules, max_tokens: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        TokenizerSpec(vocabulary=vocabulary, rules=rules, max_tokens=max_tokens)


def test_neither_one_nor_two_segments_and_other_positions_are_refused() -> None:
    with pytest.raises(ValueError, match="context_position is 'behind'; expected before or after"):
        replace(_spec(), context_position=cast("ContextPosition", "behind"))
    with pytest.raises(ValueError, match="segments is 3; expected 1 or 2"):
        TokenizerSpec(vocabulary=VOCABULARY, rules=UNCASED, max_tokens=8, segments=3)
