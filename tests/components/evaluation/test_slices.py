from dataclasses import replace

import numpy as np
import pytest

from components.evaluation.builtin_slices import has_negation, label_counts
from components.evaluation.evaluator_config import EvaluatorConfig
from components.evaluation.head_rows import split_by_head
from components.evaluation.labelled_texts import LabelledTexts
from components.evaluation.metrics import Counts
from components.evaluation.scoring import Answers
from components.evaluation.slice_measurement import measure_slices, slice_table
from components.evaluation.slices import column_slices, cross, find_slices, length_slices
from components.modeling.heads import Head

TEXTS = LabelledTexts(
    ids=[str(row) for row in range(6)],
    texts=["", "one", "one two", "one two three", "a b c d", "x " * 9],
    targets=np.array([[1, 0], [0, 1], [1, 1], [1, 0], [0, 0], [1, 0]], np.float32),
    slices={"source": ["chat", "mail", "chat", None, "mail", "chat"]},
)

HEADS = (Head(outputs=("joy", "fear")),)


def rows_of(decisions, targets=TEXTS.targets):
    answers = Answers(decisions.astype(np.float32), decisions)
    return split_by_head(HEADS, answers, targets, (0.5, 0.5))[0]


def test_a_column_gives_its_most_frequent_values_first():
    found = [
        (part.value, part.rows.tolist()) for part in column_slices(TEXTS.slices, ["source"], max_values=5)
    ]
    assert found == [
        ("chat", [True, False, True, False, False, True]),
        ("mail", [False, True, False, False, True, False]),
    ]
    assert [part.value for part in column_slices(TEXTS.slices, ["source"], max_values=1)] == ["chat"]


def test_every_text_is_in_one_length_slice():
    parts = list(length_slices(TEXTS, (2, 4)))
    assert [part.value for part in parts] == ["up to 2 words", "3 to 4 words", "5 words and more"]
    assert [np.flatnonzero(part.rows).tolist() for part in parts] == [[0, 1, 2], [3, 4], [5]]
    assert list(length_slices(TEXTS, ())) == []


def test_a_slice_is_measured_as_if_it_were_all():
    decisions = np.array([[1, 0], [1, 1], [1, 0], [1, 0], [0, 0], [0, 1]], bool)
    parts = column_slices(TEXTS.slices, ["source"], max_values=5)
    chat, mail = slice_table(parts, rows_of(decisions), min_rows=2, resamples=100, seed=0)
    rows = [0, 2, 5]
    counts = Counts.of(decisions[rows], TEXTS.targets[rows])
    assert (chat["rows"], chat["labels"]) == (3, 2)
    assert chat["macro_f1"] == pytest.approx(counts.macro_f1)
    assert chat["micro_f1"]["value"] == pytest.approx(counts.micro_f1)
    assert chat["micro_f1"]["low"] <= chat["micro_f1"]["value"] <= chat["micro_f1"]["high"]
    assert mail["labels"] == 1, "labels that do not occur in a slice are no part of its macro-F1"


def test_small_slices_are_left_out():
    parts = column_slices(TEXTS.slices, ["source"], max_values=5)
    table = slice_table(parts, rows_of(TEXTS.targets == 1), min_rows=3, resamples=100, seed=0)
    assert [row["value"] for row in table] == ["chat"]


def test_rows_of_which_nothing_is_known_do_not_count():
    targets = TEXTS.targets.copy()
    targets[[2, 5]] = np.nan
    parts = column_slices(TEXTS.slices, ["source"], max_values=5)
    table = slice_table(parts, rows_of(TEXTS.targets == 1, targets), min_rows=1, resamples=100, seed=0)
    assert [(row["value"], row["rows"]) for row in table] == [("chat", 1), ("mail", 2)]


def test_a_slice_is_compared_with_the_whole_and_with_the_last_model():
    decisions = np.array([[1, 0], [1, 1], [1, 0], [1, 0], [0, 0], [0, 1]], bool)
    rows, before = rows_of(decisions), rows_of(TEXTS.targets == 1)
    parts = tuple(column_slices(TEXTS.slices, ["source"], max_values=5))
    measured = measure_slices(parts, rows, before, min_rows=2, resamples=200, seed=0)
    chat, mail = measured["slices"]
    whole = Counts.of(decisions, TEXTS.targets).micro_f1
    assert chat["against_whole"]["value"] == pytest.approx(chat["micro_f1"]["value"] - whole)
    assert mail["against_baseline"]["value"] == pytest.approx(mail["micro_f1"]["value"] - 1)
    worst = measured["worst_slice"]
    assert (worst["slice"], worst["metric"], worst["support"]) == ("source: chat", "micro_f1", 3)
    assert worst["value"] == chat["micro_f1"]["value"]
    assert 0 <= worst["low"] <= chat["micro_f1"]["low"] <= chat["micro_f1"]["high"] <= worst["high"] <= 1


def test_texts_without_a_label_are_not_the_worst_slice():
    targets = np.array([[1, 0], [1, 1], [1, 0], [0, 0], [0, 0], [0, 0]], np.float32)
    decisions = np.array([[1, 0], [1, 1], [0, 0], [0, 0], [0, 0], [0, 0]], bool)
    head = Head(outputs=("a", "b"))
    (rows,) = split_by_head((head,), Answers(decisions.astype(np.float32), decisions), targets, (0.5, 0.5))
    counts = label_counts(targets, [head])
    values = {"count": counts, "kind": ["other", "plain", "plain", "other", "plain", "other"]}
    parts = tuple(column_slices(values, ["count", "kind"], max_values=5))
    measured = measure_slices(parts, rows, min_rows=2, resamples=200, seed=0)
    assert {"0 labels": 0, "1 label": 1}.items() <= {
        part["value"]: part["labels"] for part in measured["slices"]
    }.items()
    assert measured["worst_slice"]["slice"] == "count: 1 label"
    assert measured["worst_slice"]["value"] == pytest.approx(2 / 3)
    unlabelled = [part for part in parts if part.value == "0 labels"]
    assert "worst_slice" not in measure_slices(unlabelled, rows, min_rows=2, resamples=200, seed=0)


def test_numbers_are_compared_by_their_correlation():
    right = np.linspace(1, 5, 40, dtype=np.float32)[:, None]
    predicted = np.where(np.arange(40)[:, None] % 2, right, 6 - right)
    (rows,) = split_by_head(
        (Head(name="vad", task="regression", outputs=("valence",)),),
        Answers(predicted, np.zeros((40, 1), bool)),
        right,
        (0.0,),
    )
    parts = column_slices({"row": ["even", "odd"] * 20}, ["row"], max_values=2)
    measured = measure_slices(parts, rows, min_rows=5, resamples=100, seed=0)
    even, odd = measured["slices"]
    assert even["pearson"]["value"] == pytest.approx(-1)
    assert (odd["pearson"]["value"], odd["mae"]["value"]) == (pytest.approx(1), pytest.approx(0))
    assert odd["against_whole"]["low"] > 0 > even["against_whole"]["high"]
    assert measured["worst_slice"]["slice"] == "row: even"


def test_divisions_can_be_crossed():
    by_source = list(column_slices(TEXTS.slices, ["source"], max_values=5))
    crossed = list(cross([by_source, list(length_slices(TEXTS, (2,)))]))
    assert [(part.column, part.value, np.flatnonzero(part.rows).tolist()) for part in crossed] == [
        ("source × text length", "chat × up to 2 words", [0, 2]),
        ("source × text length", "chat × 3 words and more", [5]),
        ("source × text length", "mail × up to 2 words", [1]),
        ("source × text length", "mail × 3 words and more", [4]),
    ]


def test_what_is_asked_for_is_divided():
    texts = replace(
        TEXTS, texts=["no way", "я не понимаю, о чём ты говоришь", "I can’t 😂", "1", "ok", "knots"]
    )
    config = EvaluatorConfig(slices=("negation", "emoji", "script", "label_count", ("source", "emoji")))
    found = {
        (part.column, part.value): np.flatnonzero(part.rows).tolist()
        for part in find_slices(config, texts, HEADS)
    }
    assert found["negation", "with negation"] == [0, 2]
    assert found["emoji", "with emoji"] == [2]
    assert found["script", "Cyrillic"] == [1]
    assert found["script", "Latin"] == [0, 2, 4, 5]
    assert found["label count", "2 labels"] == [2]
    assert found["label count", "0 labels"] == [4]
    assert found["source × emoji", "chat × with emoji"] == [2]
    assert not any(column in ("source", "text length", "language") for column, _ in found)


def test_a_column_replaces_the_built_in_division_of_its_name():
    texts = replace(TEXTS, slices={"language": ["de"] * 5 + ["en"]})
    found = [part for part in find_slices(EvaluatorConfig(), texts, HEADS) if part.column == "language"]
    assert [(part.value, int(part.rows.sum())) for part in found] == [("de", 5), ("en", 1)]


@pytest.mark.parametrize(
    ("text", "negated"),
    [
        ("I don't know", True),
        ("I DONT know", True),
        ("it isn’t", True),
        ("cannot be", True),
        ("nobody came", True),
        ("notable knots", False),
        ("I want a font", False),
        ("", False),
    ],
)
def test_negation_is_found(text, negated):
    assert has_negation(text) is negated
