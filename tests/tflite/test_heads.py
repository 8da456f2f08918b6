import numpy as np
import pytest

from tests.tflite import toy
from tflite.heads import Head, columns, decide, units


def test_each_task_decides_in_its_own_way() -> None:
    scores = np.float32(
        [
            [0.3, 0.5, 0.2, 0.5, 0.3, 0.1, 0.2, 0.7, 9.0, -9.0],
            [0.29, 0.6, 0.4, 0.4, 0.2, 0.5, 0.5, 0.0, 0.0, 0.0],
        ]
    )
    expected = [
        [1, 0, 0, 1, 0, 0, 0, 1, 0, 0],
        [0, 1, 1, 0, 0, 1, 0, 0, 0, 0],
    ]
    np.testing.assert_array_equal(
        decide(toy.SEVERAL_HEADS, scores, toy.SEVERAL_THRESHOLDS), np.array(expected, bool)
    )


def test_columns_and_units_follow_the_heads() -> None:
    assert [(head.name, own.start, own.stop) for head, own in columns(toy.SEVERAL_HEADS)] == [
        ("emotion", 0, 2),
        ("sentiment", 2, 5),
        ("strength", 5, 8),
        ("affect", 8, 10),
    ]
    np.testing.assert_array_equal(units(toy.SEVERAL_HEADS), np.float32([1] * 8 + [0.5, 2]))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (("x", "ranking", ("a",)), "unknown task 'ranking'"),
        (("x", "multi_label", ()), "0 outputs"),
        (("x", "regression", ("a", "b"), (1.0,), (1.0, 1.0)), "2 outputs, 1 means"),
        (("x", "single_label", ("a",), (1.0,), (1.0,)), "1 outputs, 1 means"),
    ],
)
def test_what_is_no_head_is_refused(fields: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Head(*fields)
