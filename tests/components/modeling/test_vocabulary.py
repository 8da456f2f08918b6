import json
from pathlib import Path
from typing import Any

import pytest

from components.core.errors import EncoderError
from components.modeling.encoder import resolve_encoder
from components.modeling.vocabulary import EncoderVocabulary, place_special_tokens, read_vocabulary

TOKENS = ["[PAD]", "[unused0]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "the", "##s", "\u2028"]


def _directory(path: Path, tokens: list[str] | None = TOKENS, **files: Any) -> EncoderVocabulary:
    (path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    if tokens is not None:
        (path / "vocab.txt").write_bytes("".join(f"{token}\n" for token in tokens).encode())
    for name, document in files.items():
        (path / f"{name}.json").write_text(json.dumps(document))
    return read_vocabulary(resolve_encoder(str(path)))


def test_reads_vocab_txt_line_by_line(tmp_path: Path) -> None:
    vocabulary = _directory(tmp_path, tokenizer_config={"do_lower_case": True, "strip_accents": None})
    assert vocabulary == EncoderVocabulary(tuple(TOKENS), lowercase=True, strip_accents=True)


def test_windows_line_ends_are_no_part_of_tokens(tmp_path: Path) -> None:
    assert _directory(tmp_path, [f"{token}\r" for token in TOKENS]).tokens == tuple(TOKENS)


def test_explicit_accents_are_obeyed(tmp_path: Path) -> None:
    vocabulary = _directory(tmp_path, tokenizer_config={"do_lower_case": True, "strip_accents": False})
    assert (vocabulary.lowercase, vocabulary.strip_accents) == (True, False)


def test_cased_encoders_keep_case_and_accents(tmp_path: Path) -> None:
    vocabulary = _directory(tmp_path, tokenizer_config={"do_lower_case": False})
    assert (vocabulary.lowercase, vocabulary.strip_accents) == (False, False)


def test_vocabulary_of_a_fast_tokenizer(tmp_path: Path) -> None:
    ids = {token: index for index, token in enumerate(TOKENS)}
    shuffled = dict(sorted(ids.items()))
    tokenizer = {
        "normalizer": {"type": "BertNormalizer", "lowercase": False, "strip_accents": None},
        "model": {"type": "WordPiece", "vocab": shuffled},
    }
    vocabulary = _directory(tmp_path, None, tokenizer=tokenizer)
    assert vocabulary == EncoderVocabulary(tuple(TOKENS), lowercase=False, strip_accents=False)


@pytest.mark.parametrize(("word", "lowercase"), [("The", False), ("the", True)])
def test_unsaid_casing_is_that_of_the_vocabulary(tmp_path: Path, word: str, lowercase: bool) -> None:
    assert _directory(tmp_path, [*TOKENS, f"##{word}x"]).lowercase is lowercase


def test_a_directory_without_wordpiece_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"without vocab\.txt or a WordPiece tokenizer\.json"):
        _directory(tmp_path, None, tokenizer={"model": {"type": "BPE"}})


def test_broken_json_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text("{")
    with pytest.raises(EncoderError, match=r"tokenizer_config\.json: not valid JSON"):
        _directory(tmp_path)


def test_special_tokens_take_unused_rows() -> None:
    tokens, words = place_special_tokens(TOKENS, ["[NAME]", "<URL>"], encoder="mine")
    assert words == {"[NAME]": "xxname", "<URL>": "xxurl"}
    assert tokens == ("[PAD]", "xxname", "xxurl", *TOKENS[3:])


def test_words_of_special_tokens_are_in_the_vocabulary_once() -> None:
    tokens, words = place_special_tokens([*TOKENS, "xxname"], ["[NAME]", "{name}"], encoder="mine")
    assert list(words.values()) == ["xxxname", "xxxxname"]
    assert len(set(tokens)) == len(tokens)


def test_too_few_unused_rows_name_encoder_and_remedy() -> None:
    with pytest.raises(
        EncoderError, match=r"'mine' has 2 free vocabulary rows .* for 3 special tokens; shorten"
    ):
        place_special_tokens(TOKENS, ["a", "b", "c"], encoder="mine")
