import pytest

from tests.growth import TIMES, assert_linear, repeated


def by_the_square(text: str) -> int:
    return sum(1 for _ in text for _ in text)


def test_what_grows_by_the_square_is_found() -> None:
    short, long = repeated(by_the_square, "ab", 1000)
    assert abs(len(long) - TIMES * len(short)) <= TIMES * len("ab")
    with pytest.raises(AssertionError, match="16 times as much takes"):
        assert_linear(by_the_square, short, long)


def test_what_grows_in_proportion_is_not() -> None:
    assert_linear(str.split, *repeated(str.split, "a ", 1000))
