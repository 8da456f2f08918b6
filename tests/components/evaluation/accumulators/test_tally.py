import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from components.evaluation.accumulators.tally import Tally, numbers_of, sortable

floats = arrays(np.float32, st.integers(0, 40), elements=st.floats(width=32, allow_nan=False))


@given(floats)
def test_keys_stand_in_the_order_of_their_numbers(numbers):
    keys = sortable(numbers)
    assert numbers_of(keys).tolist() == numbers.tolist()
    assert (keys[:, None] < keys).tolist() == (numbers[:, None] < numbers).tolist()


@given(floats, floats)
def test_merged_tallies_are_those_of_all(first, second):
    merged = Tally.of(sortable(first)).merged(Tally.of(sortable(second)))
    values, counts = np.unique(np.concatenate([first, second]), return_counts=True)
    assert numbers_of(merged.keys).tolist() == values.tolist()
    assert merged.counts.tolist() == counts.tolist()
    assert merged.total == len(first) + len(second)


def test_counts_take_the_room_they_need():
    tally = Tally.of(np.zeros(300, np.uint32))
    assert (tally.counts.dtype, tally.counts.tolist()) == (np.uint16, [300])
    for _ in range(8):
        tally = tally.merged(tally)
    assert tally.total == 300 << 8
