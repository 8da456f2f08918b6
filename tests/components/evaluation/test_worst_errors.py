from dataclasses import replace

import numpy as np
import pytest

from components.evaluation.head_rows import split_by_head
from components.evaluation.labelled_texts import LabelledTexts
from components.evaluation.scoring import Answers
from components.evaluation.worst_errors import worst_errors
from components.modeling.heads import Head

LABELS = ("joy", "fear", "love")
TEXTS = LabelledTexts(
    ids=["a", "b", "c", "d"],
    texts=["right", "wrong", "doubly wrong", "missed"],
    targets=np.array([[1, 0, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]], np.float32),
    slices={},
)
HEAD = Head(outputs=LABELS)
SCORES = np.array([[0.99, 0.1, 0.1], [0.2, 0.6, 0.1], [0.9, 0.8, 0.1], [0.3, 0.01, 0.2]], np.float32)


def errors(scores=SCORES, *, limit, texts=TEXTS, head=HEAD):
    (rows,) = split_by_head((head,), Answers(scores, scores >= 0.5), texts.targets, (0.5,) * 3)
    return worst_errors(texts, rows, limit=limit)


def test_wrongly_given_labels_come_by_score_and_one_a_text():
    found = errors(limit=20)
    assert [(error["id"], error["label"]) for error in found] == [("c", "joy"), ("b", "fear")]
    first = found[0]
    assert first["text"] == "doubly wrong"
    assert first["expected"] == ["love"]
    assert [(given["label"], given["score"]) for given in first["predicted"]] == [
        ("joy", pytest.approx(0.9)),
        ("fear", pytest.approx(0.8)),
    ]


def test_the_list_ends_at_its_limit():
    assert len(errors(limit=1)) == 1
    assert errors(limit=0) == []


def test_scores_that_are_no_numbers_are_no_confident_errors():
    assert errors(np.full_like(SCORES, np.nan), limit=5) == []


def test_numbers_far_off_come_by_their_distance_in_deviations():
    texts = replace(
        TEXTS,
        targets=np.array([[1, 100], [2, 200], [3, np.nan], [4, 400]], np.float32),
        contexts=["", "before", "", ""],
    )
    predicted = np.array([[1, 110], [4, 200], [9, 9], [4, 280]], np.float32)
    head = Head(task="regression", outputs=("valence", "price"))
    first, second, third = errors(predicted, limit=5, texts=texts, head=head)
    assert first == {
        "id": "b",
        "text": "wrong",
        "context": "before",
        "target": "valence",
        "expected": 2.0,
        "predicted": 4.0,
    }
    assert (second["id"], second["target"], second["predicted"]) == ("d", "price", 280.0)
    assert third["id"] == "a"
