"""Doing the next piece of work while the last one is used."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["one_ahead"]

T = TypeVar("T")


def one_ahead(items: Iterator[T]) -> Iterator[T]:
    """Yields the items in order, while a thread already makes the next one; never more than one waits.

    It pays where making an item leaves Python: TensorFlow, NumPy on large arrays, (de)compression.
    """
    with ThreadPoolExecutor(max_workers=1) as thread:
        coming = thread.submit(_next, items)
        while item := coming.result():
            coming = thread.submit(_next, items)
            yield item[0]


def _next(items: Iterator[T]) -> tuple[T] | None:
    """The next item, in a tuple that tells it from the end."""
    for item in items:
        return (item,)
    return None
