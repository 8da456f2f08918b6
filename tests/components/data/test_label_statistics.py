import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from components.data.label_statistics import LabelStatistics

NAMES = ("joy", "anger", "fear", "pride")
ROWS = st.lists(
    st.sets(st.sampled_from(NAMES)).map(lambda labels: tuple(sorted(labels, key=NAMES.index))), max_size=30
)


def count(rows):
    statistics = LabelStatistics()
    for labels in rows:
        statistics.add(labels)
    return statistics


@given(ROWS)
def test_cooccurrence_is_the_product_of_the_indicator_matrix(rows):
    indicators = np.array([[name in labels for name in NAMES] for labels in rows], dtype=np.int64).reshape(
        -1, 4
    )
    assert count(rows).cooccurrence(NAMES).tolist() == (indicators.T @ indicators).tolist()
    sizes = {
        size: int((indicators.sum(axis=1) == size).sum()) for size in sorted(set(indicators.sum(axis=1)))
    }
    assert count(rows).labels_per_text() == sizes


@given(ROWS, ROWS)
def test_parts_can_be_merged(first, second):
    merged = count(first)
    merged.merge(count(second))
    assert merged == count(first + second)
