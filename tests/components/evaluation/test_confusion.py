import numpy as np
import pytest

from components.evaluation.confusion import Confusion


def test_counts_of_parts_add_up():
    right, decided = np.random.default_rng(1).integers(4, size=(2, 50))
    whole = Confusion.of(right, decided, labels=4)
    parts = Confusion.of(right[:20], decided[:20], labels=4) + Confusion.of(
        right[20:], decided[20:], labels=4
    )
    assert parts.counts.tolist() == whole.counts.tolist()


def test_a_resample_is_the_matrix_of_the_drawn_rows():
    rng = np.random.default_rng(0)
    right, decided = rng.integers(3, size=(2, 50))
    resampled = Confusion.resampled(right, decided, labels=3, resamples=20, seed=3)
    drawn = np.random.default_rng(3).integers(50, size=(20, 50))
    for index, rows in enumerate(drawn):
        expected = Confusion.of(right[rows], decided[rows], labels=3)
        assert resampled.counts[index].tolist() == expected.counts.tolist()
        assert resampled.quadratic_kappa[index] == pytest.approx(float(expected.quadratic_kappa))
        assert resampled.balanced_accuracy[index] == pytest.approx(float(expected.balanced_accuracy))
