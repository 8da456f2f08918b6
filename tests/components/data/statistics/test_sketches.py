import pickle
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.data.statistics.sketches import INVALID_UTF8, StringCounts, as_label

STRINGS = st.lists(st.binary(max_size=3), max_size=40)


def count(values, **limits):
    counts = StringCounts(**limits)
    for value in values:
        counts.add_all([value])
    return counts


def many(different, *frequent):
    """`different` strings once each, and the frequent ones spread among them."""
    values = [b"text %d" % number for number in range(different)]
    for value, times in frequent:
        step = max(1, len(values) // times)
        for position in range(times):
            values.insert(position * (step + 1), value)
    return values


@given(STRINGS, st.integers(0, 40))
def test_few_strings_are_counted_exactly_in_any_division(values, cut):
    merged = count(values[:cut])
    merged.merge(count(values[cut:]))
    for counts in (merged, count(reversed(values))):
        found = counts.extract(5)
        assert found.is_exact
        assert found.unique == len(set(values))
        assert found.unique_bounds == (found.unique, found.unique)
        ranked = sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))[:5]
        assert found.ranked == [(as_label(value), times) for value, times in ranked]
        assert counts.total == len(values)


def test_many_strings_are_estimated_within_the_stated_error():
    values = many(100_000, (b"often", 3000), (b"seldom", 400))
    counts = StringCounts(limit=1000)
    for start in range(0, len(values), 512):
        counts.add_all(values[start : start + 512])
    found = counts.extract(5)
    low, high = found.unique_bounds
    assert not found.is_exact
    assert low < 100_002 < high
    assert (high - low) / 100_002 < 0.04
    assert abs(found.unique / 100_002 - 1) < 0.02
    assert [label for label, _ in found.ranked] == ["often", "seldom"]
    for (_, estimate), true in zip(found.ranked, (3000, 400), strict=True):
        assert true <= estimate <= true + found.max_error
    assert found.max_error < 0.0003 * len(values)


@pytest.mark.parametrize("parts", [2, 7])
def test_the_estimated_number_does_not_depend_on_the_division(parts):
    values = many(60_000, (b"often", 900))
    whole = StringCounts(limit=500)
    whole.add_all(values)
    merged = StringCounts(limit=500)
    for part in range(parts):
        counts = StringCounts(limit=500)
        counts.add_all(values[part::parts])
        merged.merge(pickle.loads(pickle.dumps(counts)))
    assert merged.extract(3).unique == whole.extract(3).unique
    assert merged.extract(3).ranked[0][0] == "often"


def test_exact_parts_of_an_inexact_whole():
    merged = count([b"a", b"b"], limit=3)
    merged.merge(count([b"c", b"d", b"a"], limit=3))
    assert not merged.is_exact
    found = merged.extract(9)
    assert found.unique == 4
    assert found.ranked == [("a", 2), ("b", 1), ("c", 1), ("d", 1)]
    assert found.max_error == 0


def test_equal_runs_give_equal_sketches():
    def once():
        counts = StringCounts(limit=100)
        counts.add_all(many(50_000, (b"often", 500)))
        return pickle.dumps(counts)

    assert once() == once()


def test_long_strings_are_bounded_by_their_bytes():
    counts = StringCounts(max_bytes=5000)
    counts.add_all([b"x" * 3000])
    assert counts.is_exact
    counts.add_all([b"x" * 2999 + b"y"])
    found = counts.extract(3)
    assert not found.is_exact
    assert found.unique == 2
    assert [len(label) for label, _ in found.ranked] == [1018, 1018]
    assert found.ranked[0][0] != found.ranked[1][0]


def test_what_is_no_text_has_the_name_that_tfdv_gives_it():
    found = count([b"caf\xe9", b"caf\xe8", b"caf\xc3\xa9"]).extract(5)
    assert found.unique == 3
    assert [label for label, _ in found.ranked] == ["café", INVALID_UTF8, INVALID_UTF8]


def test_nothing_was_counted():
    found = StringCounts().extract(5)
    assert (found.unique, list(found.ranked), found.is_exact) == (0, [], True)
