"""A .tflite file with the tokenizer inside: the same ids, the same scores, and no runtime that cannot have them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import InterpreterWithCustomOps

from tests.tflite import toy
from tests.tflite.cleaning_cases import RULES, read_cases
from tflite.benchmark import benchmark, sentence_text
from tflite.converter import convert
from tflite.device_benchmark import write_device_benchmark
from tflite.errors import ConversionError, ModelFileError, RefusedModelError
from tflite.guards import Expected, check_model, check_text_model
from tflite.host_tokenizer import HostTokenizer, TokenizerSpec
from tflite.interpreter import TextClassifier
from tflite.isolation import IsolatedSession
from tflite.model_file import describe
from tflite.special_tokens import special_tokens_in_graph
from tflite.targets import check_target
from tflite.text import _MARKS_THAT_MOVE, CleaningRules, clean_text
from tflite.text_input import take_text, tokenizer_graph
from tflite.text_operators import TEXT_OPERATORS, text_operator_registerers


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "emotion_int8_text.tflite"
    path.write_bytes(toy.complete_file_with_tokenizer())
    return path


def expected(**changes: Any) -> Expected:
    values = {
        "parameters": toy.shared_network().count_params(),
        "bytes_per_parameter": 1,
        "heads": toy.HEADS,
        "max_tokens": toy.MAX_TOKENS,
        "vocabulary_size": len(toy.spec().vocabulary),
        "separator_id": toy.spec().end_id,
        "takes_text": True,
    }
    return Expected(**{**values, **changes})


def nasty_spec(rules: CleaningRules, texts: list[str]) -> TokenizerSpec:
    """A vocabulary that tells characters apart: the ids then show every difference of the cleaning."""
    characters = sorted({character for text in texts for character in clean_text(text, rules)} - {" "})
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    words = [*special, *rules.special_tokens.values(), *characters, *(f"##{one}" for one in characters)]
    return TokenizerSpec(vocabulary=tuple(dict.fromkeys(words)), rules=rules, max_tokens=4096)


@pytest.mark.parametrize("number", [0, 4])
def test_the_graph_gives_the_ids_of_the_host_for_every_nasty_string(number: int) -> None:
    texts = list(dict.fromkeys(text for own, text, _ in read_cases("cleaning.jsonl") if own == RULES[number]))
    assert len(texts) > 300
    # The words of the last rules hold punctuation, so that each is several pieces.
    rules = RULES[number] if number < 4 else replace(RULES[number], special_tokens={})
    spec = nasty_spec(rules, texts)
    assert set(special_tokens_in_graph(spec)) == set(rules.special_tokens)
    content, host = tokenizer_graph(spec), HostTokenizer(spec)
    interpreter: Any = InterpreterWithCustomOps(
        model_content=content, custom_op_registerers=list(text_operator_registerers())
    )
    interpreter.allocate_tensors()
    output = [tensor.name for tensor in describe(content).outputs].index("ids")
    wrong = []
    for text in texts:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.array([text.encode()], object))
        interpreter.invoke()
        ids = interpreter.get_tensor(interpreter.get_output_details()[output]["index"])
        if ids.tolist() != [host.encode(text)]:
            wrong.append(text)
    # NFD may change the order of such marks, which a table of code points cannot.
    assert [text for text in wrong if not _MARKS_THAT_MOVE.search(text)] == []
    assert len(wrong) < 0.06 * len(texts)


def test_special_tokens_are_told_from_what_looks_like_them() -> None:
    content, host = toy.file_with_tokenizer("float32"), HostTokenizer(toy.spec())
    texts = [
        "so [NAME][NAME]'s",
        "[name] [ NAME ] [NA\u200bME] [NAME",
        "am[NAME]i",
        "é[NAME]\u0301",
        "[" * 90,
    ]
    with IsolatedSession(content) as session, IsolatedSession(toy.files()["float32"]) as reference:
        for text in texts:
            expected_scores = reference.run(host.encode(text))
            np.testing.assert_array_equal(session.run_text(text.encode()), expected_scores)


def test_special_tokens_that_no_graph_can_tell_are_left_out() -> None:
    tokens = {"[NAME]": "xxname", "NAME": "xxname", "[TWO]": "i am"}
    vocabulary = (*toy.spec().vocabulary, "i am")
    rules = replace(toy.spec().rules, special_tokens=tokens)
    spec = replace(toy.spec(), vocabulary=vocabulary, rules=rules)
    assert special_tokens_in_graph(spec) == {"[NAME]": (6, toy.spec().id_by_token["xxname"])}


def test_a_file_answers_as_the_one_that_takes_ids(path: Path, tmp_path: Path) -> None:
    (tmp_path / "ids.tflite").write_bytes(toy.complete_file("int8"))
    of_text, of_ids = TextClassifier(path), TextClassifier(tmp_path / "ids.tflite")
    assert of_text.takes_text
    assert not of_ids.takes_text
    texts = [*toy.TEXTS, "\ud800 so happy"]
    np.testing.assert_array_equal(of_text.scores_of(texts), of_ids.scores_of(texts))
    assert of_text.encode("so happy") == of_ids.encode("so happy")
    with pytest.raises(ValueError, match="reads texts alone"):
        of_text.scores("so happy", "and before")


def test_bytes_that_are_no_text_get_an_answer() -> None:
    with IsolatedSession(toy.file_with_tokenizer()) as session:
        for text in (b"\xff\xfe", b"so \xe2\x82", b"\0", b"a\0b"):
            assert np.isfinite(session.run_text(text)).all()


def test_each_kind_of_file_takes_what_it_takes() -> None:
    with IsolatedSession(toy.file_with_tokenizer()) as session:
        with pytest.raises(RuntimeError, match="takes text, not token ids"):
            session.run([2, 3])
        assert session.run_text(b"i am") is not None
    with (
        IsolatedSession(toy.files()["int8"]) as session,
        pytest.raises(RuntimeError, match="takes token ids, not"),
    ):
        session.run_text(b"i am")


def test_only_one_target_has_the_operators() -> None:
    content = toy.complete_file_with_tokenizer()
    assert set(describe(content).custom_operators) == set(TEXT_OPERATORS)
    check_target(content, "litert-with-tokenizer")
    for target in ("mediapipe", "bertnl", "litert"):
        with pytest.raises(RefusedModelError, match="it has no FastBertNormalize, FastWordpiece"):
            check_target(content, target)
    with pytest.raises(
        RefusedModelError, match="the file takes token ids; a variant with _text behind its name"
    ):
        check_target(toy.complete_file("int8"), "litert-with-tokenizer")


def test_the_guards_know_the_operators_of_this_kind_alone() -> None:
    content = toy.file_with_tokenizer()
    assert check_model(content, expected()).inputs[0].name == "text"
    with pytest.raises(
        RefusedModelError, match=r"outside the builtin ones: .*; inputs \['text'\], expected \['ids'"
    ):
        check_model(content, expected(takes_text=False))
    with pytest.raises(RefusedModelError, match=r"inputs .*, expected \['text'\]"):
        check_model(toy.files()["int8"], expected())
    check_text_model(content, toy.files()["int8"], toy.spec())


def test_the_guards_refuse_another_tokenizer() -> None:
    words = ["am" if word == "so" else "so" if word == "am" else word for word in toy.spec().vocabulary]
    wrong = take_text(toy.files()["int8"], tokenizer_graph(replace(toy.spec(), vocabulary=tuple(words))))
    with pytest.raises(
        RefusedModelError, match="its tokenizer gives other tokens than training for 'I am so HAPPY"
    ):
        check_text_model(wrong, toy.files()["int8"], toy.spec())


def test_the_guards_refuse_texts_that_nothing_cuts() -> None:
    uncut = convert(toy.shared_network(), max_tokens=10_000, separator_id=3, variants=("int8",))["int8"]
    with pytest.raises(RefusedModelError, match="it does not run"):
        check_model(take_text(uncut, tokenizer_graph(replace(toy.spec(), max_tokens=10_000))), expected())


def test_a_model_of_two_segments_cannot_take_one_text() -> None:
    with pytest.raises(ConversionError, match="reads what was said before"):
        tokenizer_graph(replace(toy.spec(), segments=2))


def test_it_is_measured_with_texts_of_as_many_tokens(path: Path, tmp_path: Path) -> None:
    for length in (3, 8, 16):
        assert len(HostTokenizer(toy.spec()).encode(sentence_text(toy.spec(), length))) == length
    found = benchmark(path, threads=(1,), lengths=(8,), rounds=1, runs=2)
    assert [row["tokens"] for row in found["latency"]] == [8]
    with pytest.raises(ValueError, match="no operators of TensorFlow Text"):
        write_device_benchmark(path, tmp_path / "device")


def test_without_tensorflow_text_the_file_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tflite.text_operators._package", lambda name: Path("nowhere") / name)
    monkeypatch.setattr("tflite.text_operators.sys.modules", {})
    text_operator_registerers.cache_clear()
    try:
        with pytest.raises(ModelFileError, match="needs the operators of tensorflow-text"):
            TextClassifier(path, isolated=False)
    finally:
        text_operator_registerers.cache_clear()
