import numpy as np
import pytest

from components.evaluation.head_rows import split_by_head
from components.evaluation.labelled_texts import LabelledTexts
from components.evaluation.metrics import Counts
from components.evaluation.scoring import Answers
from components.evaluation.slices import column_slices, length_slices, slice_table
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
    found = [(part.value, part.rows.tolist()) for part in column_slices(TEXTS, ["source"], max_values=5)]
    assert found == [
        ("chat", [True, False, True, False, False, True]),
        ("mail", [False, True, False, False, True, False]),
    ]
    assert [part.value for part in column_slices(TEXTS, ["source"], max_values=1)] == ["chat"]


def test_every_text_is_in_one_length_slice():
    parts = list(length_slices(TEXTS, (2, 4)))
    assert [part.value for part in parts] == ["up to 2 words", "3 to 4 words", "5 words and more"]
    assert [np.flatnonzero(part.rows).tolist() for part in parts] == [[0, 1, 2], [3, 4], [5]]
    assert list(length_slices(TEXTS, ())) == []


def test_a_slice_is_measured_as_if_it_were_all():
    decisions = np.array([[1, 0], [1, 1], [1, 0], [1, 0], [0, 0], [0, 1]], bool)
    parts = column_slices(TEXTS, ["source"], max_values=5)
    chat, mail = slice_table(parts, rows_of(decisions), min_rows=2, resamples=100, seed=0)
    rows = [0, 2, 5]
    counts = Counts.of(decisions[rows], TEXTS.targets[rows])
    assert (chat["rows"], chat["labels"]) == (3, 2)
    assert chat["macro_f1"] == pytest.approx(counts.macro_f1)
    assert chat["micro_f1"]["value"] == pytest.approx(counts.micro_f1)
    assert chat["micro_f1"]["low"] <= chat["micro_f1"]["value"] <= chat["micro_f1"]["high"]
    assert mail["labels"] == 1, "labels that do not occur in a slice are no part of its macro-F1"


def test_small_slices_are_left_out():
    parts = column_slices(TEXTS, ["source"], max_values=5)
    table = slice_table(parts, rows_of(TEXTS.targets == 1), min_rows=3, resamples=100, seed=0)
    assert [row["value"] for row in table] == ["chat"]


def test_rows_of_which_nothing_is_known_do_not_count():
    targets = TEXTS.targets.copy()
    targets[[2, 5]] = np.nan
    parts = column_slices(TEXTS, ["source"], max_values=5)
    table = slice_table(parts, rows_of(TEXTS.targets == 1, targets), min_rows=1, resamples=100, seed=0)
    assert [(row["value"], row["rows"]) for row in table] == [("chat", 1), ("mail", 2)]
