"""Counts of texts and answers."""

import json
from pathlib import Path

import numpy as np
import pytest

from serving.errors import SavedModelError
from serving.watch.counts import REFERENCE_FILE, Reference, TrafficCounts, read_reference, write_reference
from serving.watch.window import SlidingWindow
from tests.serving.conftest import SEVERAL_HEADS

THRESHOLDS = (0.5, 0.25, 0.5, 0.0, 0.0, 0.0, 0.0)
SCORES = np.float32(
    [
        # joy, anger, fear; negative, positive; valence 3.0 +- 0.5, arousal 2.5 +- 0.25
        [0.9, 0.25, 0.0004, 0.7, 0.3, 3.0, 2.5],
        [0.2, 0.24, 0.995, 0.1, 0.9, 5.0, 2.0],
    ]
)


def test_texts_are_counted_by_words_and_script() -> None:
    counts = TrafficCounts(1)
    counts.add_texts(["so happy today", "Привет", "", " ".join(["word"] * 500)])
    assert counts.texts == 4
    assert counts.total_words == 504
    assert counts.scripts == {"Latin": 2, "Cyrillic": 1, "Common": 1}
    assert {bucket: count for bucket, count in counts.word_counts().items() if count} == {
        "0": 1,  # no word
        "1": 1,
        "3": 1,
        "15": 1,
    }


def test_unknown_tokens_are_counted_without_padding_and_frame() -> None:
    counts = TrafficCounts(1)
    ids = np.array([[2, 1, 5, 3, 0], [2, 3, 1, 1, 1]], np.int32)
    mask = np.array([[1, 1, 1, 1, 0], [1, 1, 0, 0, 0]], np.int32)
    counts.add_tokens(ids, mask, unknown_token_id=1)
    assert (counts.tokens, counts.unknown_tokens) == (2, 1)


def test_answers_are_decided_as_the_model_does() -> None:
    counts = TrafficCounts(7)
    counts.add_answers(SCORES, range(7), SEVERAL_HEADS, THRESHOLDS)
    assert counts.answers.tolist() == [2] * 7
    assert counts.decided.tolist() == [1, 1, 1, 1, 1, 0, 0]
    assert np.flatnonzero(counts.scores[2]).tolist() == [0, 15], "the first and the last bucket"
    # Valence 5.0 is four standard deviations above the mean.
    assert np.flatnonzero(counts.scores[5]).tolist() == [8, 15]
    np.testing.assert_allclose(counts.total_scores, SCORES.sum(axis=0), rtol=1e-6)


@pytest.mark.parametrize("columns", [(3, 4), (6,), (0, 1, 2, 3, 4)])
def test_answers_of_some_outputs_count_for_these(columns: tuple[int, ...]) -> None:
    some, all_of_them = TrafficCounts(7), TrafficCounts(7)
    some.add_answers(SCORES[:, list(columns)], columns, SEVERAL_HEADS, THRESHOLDS)
    all_of_them.add_answers(SCORES, range(7), SEVERAL_HEADS, THRESHOLDS)
    for name in ("answers", "decided", "scores", "total_scores"):
        expected = getattr(all_of_them, name).copy()
        expected[[column for column in range(7) if column not in columns]] = 0
        np.testing.assert_array_equal(getattr(some, name), expected)


def test_a_reference_is_read_as_written(tmp_path: Path) -> None:
    (tmp_path / "assets.extra").mkdir()
    assert read_reference(tmp_path) is None
    counts = TrafficCounts(7)
    counts.add_texts(["so happy", "日本"])
    counts.add_tokens(np.array([[2, 1, 3]]), np.ones((1, 3)), 1)
    counts.add_answers(SCORES, range(7), SEVERAL_HEADS, THRESHOLDS)
    write_reference(tmp_path, Reference(counts, unknown_token_id=1))
    read = read_reference(tmp_path)
    assert read is not None
    assert read.unknown_token_id == 1
    for name, value in vars(counts).items():
        np.testing.assert_array_equal(getattr(read.counts, name), value)


@pytest.mark.parametrize("change", [{"words": [1]}, {"scripts": 3}, {"tokens": "many"}, {"outputs": None}])
def test_a_broken_reference_is_named(tmp_path: Path, change: dict[str, object]) -> None:
    (tmp_path / "assets.extra").mkdir()
    write_reference(tmp_path, Reference(TrafficCounts(2), 1))
    path = tmp_path / REFERENCE_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(SavedModelError, match=REFERENCE_FILE):
        read_reference(tmp_path)


def test_the_window_forgets() -> None:
    now = 1000.0
    window = SlidingWindow(1, seconds=60, clock=lambda: now)
    for second in range(90):
        now = 1000.0 + second
        window.current().add_texts([f"text {second}"])
        assert min(second + 1, 55) <= window.total().texts <= 60
    now += 61
    assert window.total().texts == 0
