import numpy as np
import pytest

from components.evaluation.labelled_texts import LabelledTexts
from components.evaluation.scoring import Answers
from components.evaluation.worst_errors import most_confident_errors

LABELS = ("joy", "fear", "love")
TEXTS = LabelledTexts(
    ids=["a", "b", "c", "d"],
    texts=["right", "wrong", "doubly wrong", "missed"],
    targets=np.array([[1, 0, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]], np.uint8),
    slices={},
)
SCORES = np.array([[0.99, 0.1, 0.1], [0.2, 0.6, 0.1], [0.9, 0.8, 0.1], [0.3, 0.01, 0.2]], np.float32)


def answers(scores=SCORES):
    return Answers(scores, scores >= 0.5)


def test_wrongly_given_labels_come_by_score_and_one_a_text():
    found = most_confident_errors(TEXTS, answers(), LABELS, limit=20)
    assert [(error["id"], error["label"]) for error in found] == [("c", "joy"), ("b", "fear")]
    first = found[0]
    assert first["text"] == "doubly wrong"
    assert first["expected"] == ["love"]
    assert [(given["label"], given["score"]) for given in first["predicted"]] == [
        ("joy", pytest.approx(0.9)),
        ("fear", pytest.approx(0.8)),
    ]


def test_the_list_ends_at_its_limit():
    assert len(most_confident_errors(TEXTS, answers(), LABELS, limit=1)) == 1
    assert most_confident_errors(TEXTS, answers(), LABELS, limit=0) == []


def test_scores_that_are_no_numbers_are_no_confident_errors():
    assert most_confident_errors(TEXTS, answers(np.full_like(SCORES, np.nan)), LABELS, limit=5) == []
