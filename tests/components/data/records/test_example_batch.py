import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.data.records.example_batch import BytesColumn, Column, NumberColumn, encode_examples
from components.data.records.example_proto import encode_example

INT64 = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**15))
FLOAT32 = st.floats(width=32)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
KINDS = st.sampled_from(["bytes", "int", "float"])
VALUES = {"bytes": st.binary(max_size=300), "int": INT64, "float": FLOAT32}


@st.composite
def tables(draw):
    """Rows of features by name, every feature of one kind, with and without values."""
    kinds = draw(st.dictionaries(NAMES, KINDS, max_size=4))
    rows = draw(st.integers(0, 5))
    return kinds, {
        name: draw(st.lists(st.lists(VALUES[kind], max_size=5), min_size=rows, max_size=rows))
        for name, kind in kinds.items()
    }


def column(kind: str, rows: list[list]) -> Column:
    if kind == "bytes":
        return BytesColumn.of(rows)
    flat = [value for row in rows for value in row]
    values = np.array(flat, np.int64 if kind == "int" else np.float32)
    return NumberColumn(values, np.array([len(row) for row in rows], np.int64))


@given(table=tables())
def test_bytes_are_those_of_examples_encoded_one_by_one(table):
    kinds, rows_by_name = table
    if not kinds:
        return
    found = encode_examples({name: column(kinds[name], rows) for name, rows in rows_by_name.items()})
    number = len(next(iter(rows_by_name.values())))
    assert found.split() == [
        encode_example({name: rows[index] for name, rows in rows_by_name.items()}) for index in range(number)
    ]


@pytest.mark.parametrize("count", [127, 128, 16383, 16384, 70_000])
def test_sizes_of_several_bytes(count):
    values = [b"x" * count]
    numbers = list(range(count))
    found = encode_examples(
        {
            "b": BytesColumn.of([values, []]),
            "i": NumberColumn(np.array(numbers), np.array([count, 0])),
            "f": NumberColumn(np.array(numbers, np.float32), np.array([count, 0])),
        }
    )
    first = encode_example({"b": values, "i": numbers, "f": [float(number) for number in numbers]})
    assert found.split() == [first, encode_example({"b": [], "i": [], "f": []})]


def test_no_rows():
    assert len(encode_examples({"b": BytesColumn.of([])})) == 0
