import json
from pathlib import Path

import pytest

from components.core.errors import DataError, UserError
from components.data.presets import source_settings
from components.evaluation.behaviour.behaviour_config import SHIPPED_CASES, SHIPPED_TEMPLATES
from components.evaluation.behaviour.cases import Case, read_cases
from components.evaluation.behaviour.output_names import find_outputs
from components.evaluation.behaviour.templates import fill, read_sentences

LABELS = (*source_settings("goemotions")["label_names"], "positive", "negative", "valence")


def test_shipped_cases_cover_every_label_of_the_taxonomy() -> None:
    cases = read_cases(str(SHIPPED_CASES))
    plain = [case for case in cases if case.expect]
    assert len(plain) >= 300
    assert len({case.text for case in cases}) == len(cases)
    for label in LABELS[:-1]:
        assert sum(case.test == f"plain {label}" for case in plain) >= 9, label
    assert all(case.expect is not None and case.test == f"plain {case.expect[0]}" for case in plain)
    assert {name for case in cases for name in (*(case.expect or ()), *case.names)} <= set(LABELS)


def test_shipped_sentences_are_whole() -> None:
    shipped = read_sentences(str(SHIPPED_TEMPLATES))
    sentences = list(fill(shipped.templates, shipped.terms, limit=None, seed=0))
    assert len({sentence.attribute for sentence in sentences}) == 6
    by_frame: dict[tuple[str, str], set[str]] = {}
    for sentence in sentences:
        by_frame.setdefault((sentence.frame, sentence.attribute), set()).add(sentence.group)
        assert sentence.text[0].isupper()
        assert "{" not in sentence.text
    for attribute in {attribute for _, attribute in by_frame}:
        groups = {frozenset(found) for (_, other), found in by_frame.items() if other == attribute}
        assert len(groups) == 1, f"every sentence must have the same groups of {attribute}"
        assert len(next(iter(groups))) >= 4


def write(path: Path, *rows: object) -> str:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n")
    return str(path)


def test_own_cases_are_named_after_their_file(tmp_path: Path) -> None:
    path = write(
        tmp_path / "irony.jsonl",
        {"text": "Great, rain.", "expect": ["annoyance"]},
        "",
        {"text": "a", "changed": "b", "test": "letters"},
    )
    assert read_cases(path) == [
        Case(test="irony", text="Great, rain.", expect=("annoyance",)),
        Case(test="letters", text="a", changed="b"),
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "a", "expects": ["joy"]}, r"line 2: unknown key 'expects'; did you mean 'expect'\?"),
        ({"expect": ["joy"]}, r"line 2: key 'text' is missing; add it"),
        ({"text": "a"}, r"line 2: expected one of `expect`, `reject`, `within` or `changed`"),
        ({"text": "a", "expect": []}, r"line 2: key 'expect' is \[\]"),
        ({"text": "a", "expect": "joy"}, r"line 2: key 'expect' is 'joy'"),
        ({"text": "a", "falls": ["joy"]}, r"`falls` and `rises` need `changed`"),
        ({"text": "a", "changed": "b", "expect": ["joy"]}, r"make two cases"),
        ({"text": "a", "within": {"valence": [3, 1]}}, r"the lowest 3 above the highest 1"),
        ({"text": "a", "within": {"valence": [None, None]}}, r"gives 'valence' no bound"),
        ("{", r"line 2: is no JSON"),
        ("[1]", r"line 2: expected a JSON object"),
    ],
)
def test_a_line_that_is_no_case_is_named(tmp_path: Path, row: object, message: str) -> None:
    path = write(tmp_path / "cases.jsonl", {"text": "a", "expect": ["joy"]}, row)
    with pytest.raises(DataError, match=message):
        read_cases(path)


def test_files_without_cases(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is empty; expected one JSON object a line"):
        read_cases(write(tmp_path / "cases.jsonl", ""))
    with pytest.raises(UserError, match=r"no such file"):
        read_cases(str(tmp_path / "absent.jsonl"))
    (tmp_path / "latin1.jsonl").write_bytes(b'{"text": "\xe9"}')
    with pytest.raises(DataError, match=r"is not UTF-8"):
        read_cases(str(tmp_path / "latin1.jsonl"))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"template": "t", "text": "Hello {persn}"}, r"line 1: `text` has the slot \{persn\}"),
        ({"template": "t", "text": "Hello"}, r"line 1: `text` needs \{person\} or \{people\}"),
        ({"template": "t", "text": "{person} is {word}"}, r"`words` is empty"),
        ({"template": "t", "text": "{person}", "word": ["a"]}, r"unknown key 'word'; did you mean 'words'"),
        ({"group": "g", "person": "a g"}, r"line 1: key 'attribute' is missing"),
        ({"group": "g", "attribute": "a"}, r"line 1: give `person`, `people` or both"),
        ({"frame_id": "f", "text": "a"}, r"line 1: key 'identity' is missing"),
        ({"text": "a"}, r"line 1: expected key 'template' .*, got text"),
    ],
)
def test_a_line_that_is_no_sentence_is_named(tmp_path: Path, row: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_sentences(write(tmp_path / "sentences.jsonl", row))


def test_names_of_outputs() -> None:
    outputs = ("Happiness", "polarity/positive", "emotion/very_sad", "neutral", "polarity/neutral")
    assert find_outputs("joy", outputs) == (0,)
    assert find_outputs("positive", outputs) == (1,)
    assert find_outputs("neutral", outputs) == (3,)
    assert find_outputs("polarity/neutral", outputs) == (4,)
    assert find_outputs("sadness", outputs) == ()
