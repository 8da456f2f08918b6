import numpy as np
import pytest
from sklearn import metrics as oracle

from components.evaluation.accumulators import ranking as module
from components.evaluation.accumulators.ranking import LabelRanking, Rankings


def draw(rows: int, seed: int = 0):
    """Scores of a label that one text in twenty has, and of one that every other has."""
    rng = np.random.default_rng(seed)
    marks = rng.random((rows, 2)) < [0.05, 0.5]
    logits = rng.normal(size=marks.shape) - [3, 0] + 2 * marks
    return (1 / (1 + np.exp(-logits))).astype(np.float32), marks


def accumulate(scores, marks, parts, *, most_distinct):
    merged = Rankings(2, most_distinct=most_distinct)
    for rows in parts:
        part = Rankings(2, most_distinct=most_distinct)
        part.add(scores[rows], marks[rows])
        part.compact()
        merged.merge(part)
    return merged.by_label()


def test_with_fewer_bits_figures_hardly_move():
    """With an eighteenth of the distinct scores that are kept of each of 28 labels by default."""
    scores, marks = draw(300_000)
    parts = np.array_split(np.arange(len(scores)), 7)
    for label, found in enumerate(accumulate(scores, marks, parts, most_distinct=2 << 16)):
        assert found.dropped_bits > 0
        assert len(found.positives) + len(found.negatives) <= 1 << 16
        auroc = oracle.roc_auc_score(marks[:, label], scores[:, label])
        precision = oracle.average_precision_score(marks[:, label], scores[:, label])
        assert found.auroc == pytest.approx(auroc, abs=1e-6)
        assert found.average_precision == pytest.approx(precision, abs=3e-5)
        assert abs(found.auroc - auroc) <= found.auroc_error < 1e-4


def test_the_bits_that_are_dropped_do_not_depend_on_the_order_of_merging():
    scores, marks = draw(5_000)
    rng = np.random.default_rng(1)
    whole = accumulate(scores, marks, [np.arange(5_000)], most_distinct=1_000)
    for size in (2, 5, 50):
        parts = np.array_split(rng.permutation(5_000), size)
        found = accumulate(scores, marks, parts, most_distinct=1_000)
        for ours, theirs in zip(found, whole, strict=True):
            assert ours.dropped_bits == theirs.dropped_bits > 0
            assert ours.positives.keys.tolist() == theirs.positives.keys.tolist()
            assert ours.negatives.counts.tolist() == theirs.negatives.counts.tolist()


def test_what_waits_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "_MOST_PENDING", 100)
    scores, marks = draw(400)
    rankings = Rankings(2)
    for start in range(0, 400, 10):
        rankings.add(scores[start : start + 10], marks[start : start + 10])
        assert sum(part.size for part, _ in rankings._pending) < 100
    (_, found) = rankings.by_label()
    assert found.auroc == pytest.approx(oracle.roc_auc_score(marks[:, 1], scores[:, 1]), abs=1e-9)


def test_a_sweep_tells_what_each_threshold_would_give():
    scores, marks = draw(5_000)
    points = LabelRanking.of(scores[:, 1], marks[:, 1]).sweep()
    assert len(points) == 51
    thresholds = [point["threshold"] for point in points]
    assert thresholds == sorted(thresholds)
    for point in (points[0], points[20], points[-1]):
        decided = scores[:, 1] >= np.float32(point["threshold"])
        expected = oracle.precision_recall_fscore_support(marks[:, 1], decided, average="binary")
        found = (point["precision"], point["recall"], point["f1"])
        assert found == pytest.approx(expected[:3], abs=1e-9)
    assert points[0]["recall"] == 1.0


def test_a_sweep_of_few_texts_has_a_point_for_each_of_their_scores():
    scores = np.array([0.1, 0.2, 0.2, 0.7, 0.9], np.float32)
    points = LabelRanking.of(scores, np.array([True, True, True, False, True])).sweep()
    assert [point["threshold"] for point in points] == pytest.approx([0.1, 0.2, 0.9])
    assert [point["recall"] for point in points] == [1.0, 0.75, 0.25]
    assert LabelRanking.of(scores, np.zeros(5, bool)).sweep() == []
