import numpy as np
import pytest

from components.core.errors import ConfigError
from components.modeling.heads import Head
from components.modeling.pseudo_labels import choose_pseudo_labels, label_columns

MULTI = Head(name="emotion", task="multi_label", outputs=("joy", "anger"))
SINGLE = Head(name="sentiment", task="single_label", outputs=("sentiment/good", "sentiment/bad"))


def _choose(scores: list[list[float]], *, heads=(MULTI,), min_confidence=0.9, per_label=None):
    thresholds = [0.5] * len(scores[0])
    return choose_pseudo_labels(
        heads,
        np.array(scores, np.float32),
        thresholds,
        min_confidence=min_confidence,
        per_label=per_label,
    )


def test_every_decision_must_be_sure():
    found = _choose([[0.95, 0.02], [0.95, 0.3], [0.8, 0.02], [0.02, 0.97]])
    assert found.rows.tolist() == [0, 3]
    assert found.unsure == 2
    assert found.confidence[0] == pytest.approx(0.95, abs=1e-4)


def test_a_text_without_a_label_is_not_kept():
    found = _choose([[0.02, 0.01], [0.99, 0.01]])
    assert found.rows.tolist() == [1]
    assert found.unlabelled == 1


def test_a_cap_keeps_the_surest_of_a_label():
    found = _choose([[0.93, 0.01], [0.99, 0.01], [0.96, 0.01], [0.01, 0.92]], per_label=2)
    assert found.rows.tolist() == [1, 2, 3]
    assert found.over_cap == 1


def test_no_label_has_more_than_its_cap_even_beside_others():
    found = _choose([[0.99, 0.01], [0.98, 0.98], [0.01, 0.97]], per_label=1)
    counts = found.decisions[found.rows].sum(axis=0)
    assert counts.tolist() == [1, 1]


def test_all_heads_must_be_sure():
    rows = [[0.99, 0.01, 0.6, 0.4], [0.99, 0.01, 0.97, 0.03]]
    found = _choose(rows, heads=(MULTI, SINGLE))
    assert found.rows.tolist() == [1]
    assert label_columns((MULTI, SINGLE), found.decisions[1]) == {"labels": ["joy"], "sentiment": ["good"]}


def test_numbers_are_no_labels():
    head = Head(task="regression", outputs=("valence",), mean=(0.0,), std=(1.0,))
    with pytest.raises(ConfigError, match="without saying how sure"):
        _choose([[0.5]], heads=(head,))
