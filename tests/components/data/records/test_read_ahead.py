import threading
from collections.abc import Iterator

import pytest

from components.data.records.read_ahead import one_ahead


def test_items_come_in_order_whatever_they_are() -> None:
    items = [0, None, "", [], 5]
    assert list(one_ahead(iter(items))) == items
    assert list(one_ahead(iter([]))) == []


def test_the_next_item_is_made_while_the_last_one_is_used() -> None:
    second_is_made = threading.Event()

    def make() -> Iterator[int]:
        yield 1
        second_is_made.set()
        yield 2

    items = one_ahead(make())
    assert next(items) == 1
    assert second_is_made.wait(timeout=10)


def test_only_one_item_waits() -> None:
    made: list[int] = []

    def make() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    items = one_ahead(make())
    next(items)
    items.close()  # type: ignore[attr-defined]
    assert made == [0, 1]


def test_an_error_reaches_the_user_of_the_items() -> None:
    def make() -> Iterator[int]:
        yield 1
        raise OSError("disk on fire")

    items = one_ahead(make())
    assert next(items) == 1
    with pytest.raises(OSError, match="disk on fire"):
        next(items)
