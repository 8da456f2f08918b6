import numpy as np
import pytest

from tflite.heads import Head
from tflite.parity import compare

REFERENCE = np.array([[0.9, 0.1], [0.5, 0.2], [0.3, 0.8]], np.float32)
THRESHOLDS = (0.5, 0.4)
HEADS = (Head("emotion", "multi_label", ("joy", "anger")),)


def test_the_same_scores_agree_wholly() -> None:
    parity = compare(HEADS, REFERENCE, REFERENCE, THRESHOLDS)
    assert (parity.max_abs_difference, parity.decision_agreement, parity.row_agreement) == (0.0, 1.0, 1.0)
    assert parity.rows == 3


def test_a_decision_turns_at_its_own_labels_threshold() -> None:
    scores = REFERENCE + np.array([[0, 0], [-0.001, 0.1], [0, 0]], np.float32)
    parity = compare(HEADS, REFERENCE, scores, THRESHOLDS)
    assert parity.decision_agreement == pytest.approx(5 / 6)
    assert parity.row_agreement == pytest.approx(2 / 3)
    assert parity.max_abs_difference == pytest.approx(0.1, abs=1e-6)


def test_a_score_at_the_threshold_applies() -> None:
    parity = compare([Head("emotion", "multi_label", ("joy",))], [[0.5]], [[0.51]], [0.5])
    assert parity.decision_agreement == 1.0


def test_the_worst_rows_come_first_and_ties_in_order() -> None:
    scores = REFERENCE + np.array([[0, 0.1], [0.3, 0], [0.1, 0]], np.float32)
    rows = [row for row, _ in compare(HEADS, REFERENCE, scores, THRESHOLDS).worst]
    assert rows[0] == 1
    assert set(rows) == {0, 1, 2}
    assert [row for row, _ in compare(HEADS, REFERENCE, REFERENCE, THRESHOLDS, worst=2).worst] == [0, 1]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_score_that_is_no_number_never_agrees(bad: float) -> None:
    scores = REFERENCE.copy()
    scores[2, 0] = bad
    parity = compare(HEADS, REFERENCE, scores, THRESHOLDS)
    assert parity.max_abs_difference == np.inf
    assert parity.worst[0] == (2, np.inf)
    assert parity.decision_agreement == pytest.approx(5 / 6)


@pytest.mark.parametrize(
    ("reference", "scores", "thresholds"),
    [
        (REFERENCE, REFERENCE[:2], THRESHOLDS),
        (REFERENCE, REFERENCE, THRESHOLDS[:1]),
        (REFERENCE[0], REFERENCE[0], THRESHOLDS),
        (REFERENCE[:0], REFERENCE[:0], THRESHOLDS),
    ],
)
def test_what_cannot_be_compared_is_an_error(
    reference: np.ndarray, scores: np.ndarray, thresholds: np.ndarray
) -> None:
    with pytest.raises(ValueError, match="expected"):
        compare(HEADS, reference, scores, thresholds)


def test_a_head_of_which_one_label_applies_decides_once_a_text() -> None:
    heads = [Head("mood", "single_label", ("a", "b", "c")), Head("level", "ordinal", ("x", "y"))]
    reference = [[0.5, 0.3, 0.2, 0.6, 0.4]] * 4
    scores = np.array(reference)
    scores[0] = [0.3, 0.5, 0.2, 0.6, 0.4]
    scores[1] = [0.4, 0.35, 0.25, 0.4, 0.6]
    scores[2] = [0.3, 0.2, 0.5, 0.4, 0.6]
    parity = compare(heads, reference, scores, [0.0] * 5)
    assert parity.decision_agreement == pytest.approx(4 / 8)
    assert parity.row_agreement == pytest.approx(1 / 4)
    assert parity.target_rms_difference is None


def test_numbers_differ_in_their_deviations_and_decide_nothing() -> None:
    heads = [Head("affect", "regression", ("valence", "arousal"), (3.0, 50.0), (0.5, 10.0))]
    reference = np.float32([[3.0, 50.0], [2.0, 60.0]])
    parity = compare(heads, reference, reference + np.float32([[0.05, 0.0], [-0.05, 3.0]]), [0.0, 0.0])
    assert parity.max_abs_difference == pytest.approx(0.3, abs=1e-5)
    assert parity.target_rms_difference == pytest.approx(np.sqrt(0.3**2 / 2), abs=1e-5)
    assert (parity.decision_agreement, parity.row_agreement) == (None, 1.0)
    assert parity.worst[0][0] == 1
    broken = compare(heads, reference, reference * np.nan, [0.0, 0.0])
    assert (broken.max_abs_difference, broken.target_rms_difference) == (np.inf, np.inf)
