from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report.charts import bin_counts, histogram, line_chart, nice_ticks, quantile_strip, share_strip

_values = st.floats(-1e6, 1e6)


@given(_values, _values, st.integers(2, 10))
def test_ticks_are_evenly_spaced_and_span_the_values(first, second, count):
    low, high = sorted((first, second))
    ticks = nice_ticks(low, high, count)
    tolerance = 1e-6 * max(1.0, abs(low), abs(high))
    assert ticks[0] <= low + tolerance
    assert ticks[-1] >= high - tolerance
    steps = [after - before for before, after in pairwise(ticks)]
    assert steps == pytest.approx([steps[0]] * len(steps), rel=1e-3)
    assert 2 <= len(ticks) <= 2 * count + 2


def test_ticks_are_round():
    assert nice_ticks(0, 7800) == [0, 2000, 4000, 6000, 8000]
    assert nice_ticks(0.482, 0.523, 4) == [0.48, 0.5, 0.52, 0.54]
    assert nice_ticks(3, 3) == [3, 4, 5, 6]


def test_a_line_goes_up_where_values_do():
    chart = line_chart([1, 2, 3], [0.1, 0.5, 0.3], marked=2)
    xs, ys = ([point[axis] for point in chart["points"]] for axis in "xy")
    assert xs == sorted(xs)
    assert ys[1] < ys[2] < ys[0], "SVG counts y downwards"
    assert [point["marked"] for point in chart["points"]] == [False, True, False]
    assert all(chart["left"] <= x <= chart["right"] for x in xs)
    assert all(0 <= y <= chart["bottom"] for y in ys)
    assert chart["path"].count("L") == 2


def test_one_epoch_is_a_point_in_the_middle():
    chart = line_chart([1], [0.4])
    (point,) = chart["points"]
    assert point["x"] == pytest.approx((chart["left"] + chart["right"]) / 2)


def test_tick_labels_have_the_same_number_of_decimals():
    labels = [tick["label"] for tick in line_chart([1, 2], [0.06, 0.14])["y_ticks"]]
    assert labels == ["0.06", "0.08", "0.10", "0.12", "0.14"]


def test_columns_stand_on_the_axis_and_are_as_high_as_they_count():
    chart = histogram([0, 10, 20, 30], [5, 10, 0])
    heights = [column["height"] for column in chart["columns"]]
    assert heights[1] == pytest.approx(2 * heights[0])
    assert heights[2] == 0
    for column in chart["columns"]:
        assert column["y"] + column["height"] == pytest.approx(chart["bottom"])


def test_texts_of_one_length_make_one_column():
    chart = histogram(*bin_counts({7: 12}))
    assert [(column["start"], column["count"]) for column in chart["columns"]] == [(7, 12)]


@given(st.dictionaries(st.integers(0, 2000), st.integers(1, 1000), min_size=1), st.integers(1, 40))
def test_binning_loses_nothing(counts, bins):
    edges, heights = bin_counts(counts, bins=bins)
    assert sum(heights) == sum(counts.values())
    assert len(heights) <= bins
    assert len(edges) == len(heights) + 1
    for (start, end), height in zip(pairwise(edges), heights, strict=True):
        assert height == sum(count for number, count in counts.items() if start <= number < end)


def test_a_limit_is_drawn_where_it_lies_and_not_beyond_the_columns():
    chart = histogram([0, 10, 20], [5, 10], limit=15)
    assert chart["columns"][1]["x"] < chart["limit"]["x"] < chart["right"]
    assert histogram([0, 10, 20], [5, 10], limit=128)["limit"] is None


def test_a_strip_of_quantiles_ends_at_the_longest():
    profile = {"min": 1, "median": 5, "p95": 10, "max": 20}
    assert quantile_strip(profile, 20) == {"min": 5, "median": 25, "p95": 50, "max": 100, "beyond": False}
    assert quantile_strip({**profile, "max": 4000}, 20)["max"] == 100
    assert quantile_strip({**profile, "max": 4000}, 20)["beyond"]


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=8))
def test_the_pieces_of_a_strip_of_shares_fill_it(counts):
    pieces = share_strip(counts)
    assert len(pieces) == len(counts)
    for before, after in pairwise(pieces):
        assert after["x"] == pytest.approx(before["x"] + before["width"])
    if sum(counts):
        assert pieces[-1]["x"] + pieces[-1]["width"] == pytest.approx(100)
        assert [piece["share"] * sum(counts) for piece in pieces] == pytest.approx(counts)
