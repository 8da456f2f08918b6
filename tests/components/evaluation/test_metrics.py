import warnings

import numpy as np
import pytest

from components.evaluation.metrics import Counts


def draw(rows: int, labels: int, seed: int):
    rng = np.random.default_rng(seed)
    return rng.random((rows, labels)) < 0.3, (rng.random((rows, labels)) < 0.3).astype(np.uint8)


@pytest.mark.parametrize("cut", [0, 1, 17, 30])
def test_counts_of_parts_add_up(cut):
    decisions, targets = draw(30, 4, seed=cut)
    whole = Counts.of(decisions, targets)
    parts = Counts.zero(targets.shape[1])
    for part in (slice(cut), slice(cut, None)):
        parts = parts + Counts.of(decisions[part], targets[part])
    assert parts.true_positives.tolist() == whole.true_positives.tolist()
    assert parts.false_positives.tolist() == whole.false_positives.tolist()
    assert parts.false_negatives.tolist() == whole.false_negatives.tolist()
    assert parts.rows == whole.rows
    assert parts.macro_f1 == whole.macro_f1


def test_metrics_of_no_rows_are_no_numbers():
    counts = Counts.of(np.zeros((0, 3), bool), np.zeros((0, 3), np.uint8))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = [counts.macro_f1, counts.micro_f1, counts.weighted_f1, counts.macro_jaccard]
    assert np.isnan(values).all()


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"decisions are \[2, 2\], targets \[2, 3\]"):
        Counts.of(np.zeros((2, 2)), np.zeros((2, 3)))
