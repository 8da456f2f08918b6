"""A few thousand damaged files; `tests/benchmarks/fuzz_sources.py` reads a hundred thousand."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.components.data.mutations import BUILDERS, make_case, read_case


@pytest.mark.parametrize("begin", range(0, 2000, 500))
def test_damaged_files_give_rows_or_broken_rows_or_one_clear_error(tmp_path, begin):
    counts = Counter(read_case(make_case(Random(number)), tmp_path) for number in range(begin, begin + 500))
    assert counts.total() == 500
    assert min(counts[outcome] for outcome in ("rows", "broken rows", "error")) > 50


@settings(deadline=None, max_examples=300, database=None)
@given(random=st.randoms(use_true_random=False))
def test_hypothesis_finds_no_other_outcome(tmp_path_factory, random):
    assert read_case(make_case(random), tmp_path_factory.getbasetemp()) in ("rows", "broken rows", "error")


@pytest.mark.parametrize("file_format", BUILDERS)
def test_files_that_are_not_damaged_are_of_every_format(file_format):
    assert BUILDERS[file_format](Random(3))
