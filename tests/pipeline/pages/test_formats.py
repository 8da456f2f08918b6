import pytest

from pipeline.pages.formats import (
    format_bytes,
    format_figure,
    format_number,
    format_percent,
    format_points,
    format_score,
    format_seconds,
    format_share,
    format_value,
)


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 05 min"),
    ],
)
def test_seconds(seconds, written):
    assert format_seconds(seconds) == written


@pytest.mark.parametrize(
    ("size", "written"),
    [
        (999, "999 B"),
        (1500, "1.5 kB"),
        (213_174, "213 kB"),
        (999_900, "1.0 MB"),
        (23_102_555, "23.1 MB"),
        (438e6, "438 MB"),
    ],
)
def test_bytes(size, written):
    assert format_bytes(size) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "–"),
        (True, "yes"),
        (43410, "43,410"),
        (0.51234, "0.5123"),
        (12345.6, "12,346"),
        (2e-6, "2e-06"),
        ("x", "x"),
    ],
)
def test_values(value, written):
    assert format_value(value) == written


def test_what_could_not_be_measured_is_a_dash():
    assert format_score(None) == "–"
    assert format_score(0.5) == "0.500"


def test_all_is_only_what_is_all():
    assert format_percent(1.0) == "100 %"
    assert format_percent(0.99999) == "99.99 %"
    assert format_percent(0.9971) == "99.71 %"
    assert format_percent(None) == "–"


@pytest.mark.parametrize(
    ("share", "written"),
    [
        (0.3276, "32.76 %"),
        (0.0029, "0.29 %"),
        (0.00004, "<0.01 %"),
        (0.99999, "99.99 %"),
        (0, "0 %"),
        (1, "100 %"),
        (None, "–"),
    ],
)
def test_shares(share, written):
    assert format_share(share) == written


def test_differences_have_a_sign_unless_they_are_none():
    assert [format_points(value) for value in (0.0123, -0.0123, -0.00001)] == ["+1.23", "−1.23", "0.00"]


def test_numbers_have_a_decimal_where_they_need_one():
    assert [format_number(value) for value in (65.0, 12.5, 1234.0, None)] == ["65", "12.5", "1,234", "–"]


@pytest.mark.parametrize(
    ("name", "value", "written"),
    [
        ("macro_f1_low", 0.62, ("macro-F1 low", "0.62")),
        ("int8_mb", 23.28, ("int8", "23.28 MB")),
        ("train_rows", 43410, ("train rows", "43,410")),
        ("blessed", True, ("blessed", "yes")),
    ],
)
def test_figures_of_a_summary_have_words_and_units(name, value, written):
    assert format_figure(name, value) == written
