"""A few thousand damaged files; `tests/benchmarks/fuzz_sources.py` reads a hundred thousand."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.data.sources.delimited import Dialect
from tests.components.data.sources.mutations import BUILDERS, Case, make_case, read_case


@pytest.mark.parametrize("begin", range(0, 2000, 500))
def test_damaged_files_give_rows_or_broken_rows_or_one_clear_error(tmp_path, begin):
    counts = Counter(read_case(make_case(Random(number)), tmp_path) for number in range(begin, begin + 500))
    assert counts.total() == 500
    assert min(counts[outcome] for outcome in ("rows", "broken rows", "error")) > 50


@settings(max_examples=300, database=None)
@given(random=st.randoms(use_true_random=False))
def test_hypothesis_finds_no_other_outcome(tmp_path_factory, random):
    assert read_case(make_case(random), tmp_path_factory.getbasetemp()) in ("rows", "broken rows", "error")


@pytest.mark.parametrize("file_format", BUILDERS)
def test_most_files_can_be_read_before_they_are_damaged(tmp_path, file_format):
    contents = [BUILDERS[file_format](Random(number)) for number in range(60)]
    cases = [Case(f"a.{file_format}", file_format, content, Dialect(), 7) for content in contents if content]
    counts = Counter(read_case(case, tmp_path) for case in cases)
    assert counts["rows"] > len(cases) / 6
    assert counts["rows"] + counts["broken rows"] > len(cases) / 2
