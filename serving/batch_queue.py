"""Rows that wait to be computed, and which of them go together; knows neither threads nor TensorFlow."""

import bisect
import itertools
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

__all__ = ["BatchQueue", "Row"]

RequestT = TypeVar("RequestT")

_CALL_TOKENS = 32
"""What a call costs beside its tokens, in tokens: MiniLM on two Zen 4 cores takes 8 ms a call and 0.25 ms a token, most
of the former to read the weights. Simulated with GoEmotions texts and 16 clients, half or double of it changes the
throughput by 1 %."""

_PAIRS_A_TOKEN = 700
"""Of two places in a row that attention looks at: how many cost as much as a token's products with matrices. MiniLM on
a Zen 4 core: 0.3 microseconds a pair, 0.22 ms a token."""

_LEAST_SHARE = 2 * _CALL_TOKENS
"""What is split over several threads is not split further: a third of the work would be the call's own."""

_numbers = itertools.count()


@dataclass(eq=False, slots=True)
class Row(Generic[RequestT]):
    """One row of a request.

    Attributes:
        request: what it belongs to.
        index: its place in there.
        length: its tokens, or what stands for them.
        number: ascends with arrival.
    """

    request: RequestT
    index: int
    length: int
    number: int = field(default_factory=lambda: next(_numbers))


class BatchQueue(Generic[RequestT]):
    """Rows that can be computed together, sorted by length.

    Every batch holds the row that has waited longest, so that none waits for ever, and its neighbours in length. A
    neighbour joins as long as that makes the batch cheaper by the token: it shares the cost of the call, and adds its
    padding.

    Args:
        max_rows: of a batch.
        max_tokens: of a batch, padding included; a longer row comes alone.
        skips_padding: whether the model computes nothing but attention for padding.
    """

    def __init__(self, *, max_rows: int, max_tokens: int, skips_padding: bool = False) -> None:
        self._skips_padding = skips_padding
        self._max_rows = max_rows
        self._max_tokens = max_tokens
        self._by_length: list[Row[RequestT]] = []
        self._by_arrival: OrderedDict[int, Row[RequestT]] = OrderedDict()
        self._tokens = 0

    def __len__(self) -> int:
        return len(self._by_length)

    @property
    def full(self) -> bool:
        """Whether there is no reason to wait for more rows."""
        return len(self) >= self._max_rows or self._tokens >= self._max_tokens

    @property
    def oldest(self) -> Row[RequestT]:
        """The row that has waited longest."""
        return next(iter(self._by_arrival.values()))

    def add(self, row: Row[RequestT]) -> None:
        """Puts in a row."""
        bisect.insort(self._by_length, row, key=_order)
        self._by_arrival[row.number] = row
        self._tokens += row.length

    def remove(self, row: Row[RequestT]) -> None:
        """Takes out a row if it still waits."""
        if row.number in self._by_arrival:
            position = self._position(row)
            self._take(position, position + 1)

    def take(self, places: int = 1) -> list[Row[RequestT]]:
        """Takes out the next batch, sorted by length.

        Args:
            places: how many batches could be computed now; each gets a part of the tokens.
        """
        enough = max(_LEAST_SHARE, self._tokens / places) if places > 1 else float("inf")
        rows = self._by_length
        start = self._position(self.oldest)
        end = start + 1
        tokens = rows[start].length
        cost = (_CALL_TOKENS + tokens) / max(tokens, 1)
        while end - start < self._max_rows and tokens < enough:
            shorter = rows[start - 1] if start > 0 else None
            longer = rows[end] if end < len(rows) else None
            choices = [
                (self._cost(end - start + 1, longest.length, tokens + new.length), new)
                for new, longest in ((shorter, rows[end - 1]), (longer, longer))
                if new is not None and longest is not None
            ]
            if not choices:
                break
            new_cost, new = min(choices, key=lambda choice: choice[0])
            if new_cost > cost:
                break
            cost, tokens = new_cost, tokens + new.length
            if new is shorter:
                start -= 1
            else:
                end += 1
        return self._take(start, end)

    def _cost(self, count: int, longest: int, tokens: int) -> float:
        """Of a batch by the token; too large a batch costs infinitely much."""
        padded = count * longest
        if padded > self._max_tokens:
            return float("inf")
        computed = tokens + padded * longest / _PAIRS_A_TOKEN if self._skips_padding else padded
        return (_CALL_TOKENS + computed) / max(tokens, 1)

    def _position(self, row: Row[RequestT]) -> int:
        return bisect.bisect_left(self._by_length, _order(row), key=_order)

    def _take(self, start: int, end: int) -> list[Row[RequestT]]:
        taken = self._by_length[start:end]
        del self._by_length[start:end]
        for row in taken:
            del self._by_arrival[row.number]
            self._tokens -= row.length
        return taken


def _order(row: Row[RequestT]) -> tuple[int, int]:
    return row.length, row.number
