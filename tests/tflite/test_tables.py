from typing import get_args

import numpy as np
import pytest

from tests.tflite import toy
from tflite.converter import BYTES_PER_PARAMETER, Variant, convert
from tflite.session import Session
from tflite.tables import drop_positions, keep_vocabulary


@pytest.fixture(scope="module")
def made() -> dict[Variant, bytes]:
    return convert(
        toy.shared_network(), max_tokens=toy.MAX_TOKENS, separator_id=3, variants=get_args(Variant)
    )


@pytest.mark.parametrize("weights", get_args(Variant))
def test_kept_rows_answer_as_before_under_their_new_ids(made: dict[Variant, bytes], weights: Variant) -> None:
    size = len(toy.spec().vocabulary)
    kept = [0, 1, 2, 3, *range(9, size, 2)]
    old = [2, *kept[5:12], 3]
    new = [kept.index(index) for index in old]
    pruned = keep_vocabulary(made[weights], size, kept)
    row_bytes = 32 * BYTES_PER_PARAMETER["int8_int4" if "int4" in weights else weights]
    row_bytes += 4 + 8 if weights == "int8_weights" else 0  # scale and zero point
    saved = (size - len(kept)) * row_bytes
    assert abs(len(made[weights]) - len(pruned) - saved) <= 64
    np.testing.assert_array_equal(Session(pruned).run(new), Session(made[weights]).run(old))


def test_positions_that_no_text_reaches_are_left_out() -> None:
    again = drop_positions(toy.files()["float32"], toy.MAX_TOKENS)
    shorter = drop_positions(toy.files()["float32"], toy.MAX_TOKENS // 2)
    assert len(again) == len(toy.files()["float32"]) == len(shorter) + toy.MAX_TOKENS // 2 * 32 * 4
    ids = [2, 8, 9, 10, 3]
    np.testing.assert_array_equal(Session(shorter).run(ids), Session(again).run(ids))
