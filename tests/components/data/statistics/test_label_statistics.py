import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.errors import DataError
from components.data.statistics.label_statistics import LabelStatistics

NAMES = ("joy", "anger", "fear", "pride")
ROWS = st.lists(
    st.sets(st.sampled_from(NAMES)).map(
        lambda labels: [name.encode() for name in sorted(labels, key=NAMES.index)]
    ),
    max_size=30,
)


def count(rows):
    statistics = LabelStatistics(NAMES)
    statistics.add_all(rows)
    return statistics


@given(ROWS)
def test_cooccurrence_is_the_product_of_the_indicator_matrix(rows):
    indicators = np.array(
        [[name.encode() in labels for name in NAMES] for labels in rows], dtype=np.int64
    ).reshape(-1, 4)
    assert count(rows).cooccurrence().tolist() == (indicators.T @ indicators).tolist()
    sizes = {
        size: int((indicators.sum(axis=1) == size).sum()) for size in sorted(set(indicators.sum(axis=1)))
    }
    assert count(rows).labels_per_text() == sizes


@given(ROWS, ROWS)
def test_parts_can_be_merged(first, second):
    merged, whole = count(first), count(first + second)
    merged.merge(count(second))
    assert merged.cooccurrence().tolist() == whole.cooccurrence().tolist()
    assert merged.labels_per_text() == whole.labels_per_text()


def test_a_label_that_is_not_in_the_list_is_refused():
    with pytest.raises(DataError, match="label b'envy' is not in the label list; rerun ExampleGen"):
        count([[b"joy"], [b"envy"]])
