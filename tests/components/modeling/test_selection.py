import numpy as np
import pytest

from components.core.errors import ConfigError
from components.modeling.heads import Head
from components.modeling.selection import certainty, farthest_first, select, uncertainty

MULTI = Head(name="emotion", task="multi_label", outputs=("joy", "anger"))
SINGLE = Head(name="sentiment", task="single_label", outputs=("good", "bad", "mixed"))
NUMBERS = Head(name="affect", task="regression", outputs=("valence",), mean=(0.0,), std=(1.0,))


def _rows(chosen) -> list[int]:
    return [one.row for one in chosen]


def test_margin_is_measured_from_the_threshold_of_each_label():
    """0.5 is a draw for a threshold of 0.5, and quite clear for one of 0.1."""
    scores = np.array([[0.5, 0.01], [0.99, 0.11], [0.01, 0.01], [0.99, 0.9]], np.float32)
    values = uncertainty("margin", [MULTI], scores, [0.5, 0.1])
    assert values[0] == pytest.approx(1)
    assert np.argsort(-values).tolist()[:2] == [0, 1]
    assert (values >= 0).all()
    assert (values <= 1).all()
    chosen = select("margin", 2, heads=[MULTI], thresholds=[0.5, 0.1], scores=scores)
    assert _rows(chosen) == [0, 1]
    assert chosen[1].reason == "anger 0.11 against its threshold 0.10"


def test_margin_of_one_label_is_the_lead_of_the_best_over_the_second():
    scores = np.array([[0.5, 0.4, 0.1], [0.6, 0.2, 0.2]], np.float32)
    values = uncertainty("margin", [SINGLE], scores, [0, 0, 0])
    np.testing.assert_allclose(values, [0.9, 0.6], atol=1e-6)


def test_entropy_of_one_label_is_one_where_all_are_alike_and_nothing_where_one_is_sure():
    scores = np.array([[1 / 3] * 3, [1, 0, 0], [0.5, 0.5, 0]], np.float32)
    values = uncertainty("entropy", [SINGLE], scores, [0, 0, 0])
    np.testing.assert_allclose(values, [1, 0, np.log(2) / np.log(3)], atol=1e-4)
    reason = select("entropy", 1, heads=[SINGLE], thresholds=[0, 0, 0], scores=scores[2:])[0].reason
    assert reason == "entropy 0.63 of 1; good 0.50, bad 0.50"


def test_the_most_uncertain_head_decides_and_gives_the_reason():
    scores = np.array([[0.99, 0.01, 0.34, 0.33, 0.33, 7.0]], np.float32)
    thresholds = [0.5, 0.5, 0, 0, 0, 0]
    chosen = select("margin", 1, heads=[MULTI, SINGLE, NUMBERS], thresholds=thresholds, scores=scores)
    assert chosen[0].reason == "good 0.34, bad 0.33"


def test_numbers_tell_no_uncertainty():
    with pytest.raises(ConfigError, match="strategy diversity"):
        select("margin", 1, heads=[NUMBERS], thresholds=[0], scores=np.zeros((2, 1), np.float32))


def test_farthest_first_visits_every_cluster_before_it_returns_to_one():
    random = np.random.default_rng(0)
    centres = np.eye(5, 16)
    vectors = np.concatenate([centre + random.normal(0, 0.02, (20, 16)) for centre in centres])
    found = [row for row, _ in farthest_first(vectors.astype(np.float32), 5)]
    assert sorted(row // 20 for row in found) == [0, 1, 2, 3, 4]


def test_farthest_first_keeps_away_from_what_is_labelled():
    vectors = np.eye(4, dtype=np.float32)
    found = farthest_first(vectors, 4, covered=vectors[:2] * 3)
    assert sorted(row for row, _ in found) == [2, 3]
    assert [distance for _, distance in found] == pytest.approx([1, 1])


def test_farthest_first_never_takes_the_same_twice():
    vectors = np.ones((6, 3), np.float32)
    assert len(farthest_first(vectors, 4)) == 1
    assert farthest_first(vectors[:0], 4) == []


def test_mixed_leaves_out_what_is_clear_and_what_is_alike():
    """Rows 0 to 29 are uncertain, in three groups of like vectors; row 30 is far away and clear."""
    scores = np.full((31, 2), 0.01, np.float32)
    scores[:30, 0] = 0.5
    vectors = np.zeros((31, 4), np.float32)
    for row in range(30):
        vectors[row, row % 3] = 1
    vectors[30, 3] = 1
    chosen = select("mixed", 3, heads=[MULTI], thresholds=[0.5, 0.5], scores=scores, vectors=vectors)
    assert {row % 3 for row in _rows(chosen)} == {0, 1, 2}
    assert 30 not in _rows(chosen)
    assert "joy 0.50" in chosen[0].reason
    assert "distance" in chosen[1].reason


def test_fewer_texts_than_asked_for_are_all_chosen():
    scores = np.array([[0.4, 0.1]], np.float32)
    assert len(select("entropy", 10, heads=[MULTI], thresholds=[0.5, 0.5], scores=scores)) == 1


def test_certainty_at_the_threshold_is_a_coin():
    sure = certainty([MULTI], np.array([[0.1, 0.9]], np.float32), [0.1, 0.1])
    assert sure[0, 0] == pytest.approx(0.5)
    assert sure[0, 1] == pytest.approx(81 / 82, abs=1e-4)
