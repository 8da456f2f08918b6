"""Which rows go together."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from serving.batch_queue import BatchQueue, Row

LENGTHS = st.lists(st.integers(1, 128), min_size=1, max_size=60)


def queue_of(
    lengths: Sequence[int], *, max_rows: int = 1000, max_tokens: int = 512
) -> tuple[BatchQueue[str], list[Row[str]]]:
    queue = BatchQueue[str](max_rows=max_rows, max_tokens=max_tokens)
    rows = [Row("request", index, length) for index, length in enumerate(lengths)]
    for row in rows:
        queue.add(row)
    return queue, rows


def lengths_of(rows: Sequence[Row[str]]) -> list[int]:
    return [row.length for row in rows]


@given(LENGTHS, st.integers(1, 20), st.integers(1, 600))
def test_every_row_is_taken_once_the_oldest_first_within_the_limits(
    lengths: list[int], max_rows: int, max_tokens: int
) -> None:
    queue, rows = queue_of(lengths, max_rows=max_rows, max_tokens=max_tokens)
    taken: list[Row[str]] = []
    while len(queue):
        oldest = queue.oldest
        assert oldest.number == min(row.number for row in rows if row not in taken)
        batch = queue.take()
        assert oldest in batch
        assert lengths_of(batch) == sorted(lengths_of(batch))
        assert len(batch) == 1 or (len(batch) <= max_rows and len(batch) * batch[-1].length <= max_tokens)
        taken += batch
    assert sorted(row.number for row in taken) == [row.number for row in rows]


@given(LENGTHS, st.data())
def test_removed_rows_are_not_taken(lengths: list[int], data: st.DataObject) -> None:
    queue, rows = queue_of(lengths)
    removed = data.draw(st.lists(st.sampled_from(rows), unique_by=id))
    for row in (*removed, *removed):
        queue.remove(row)
    left: list[Row[str]] = []
    while len(queue):
        left += queue.take()
    assert sorted(row.number for row in left) == [row.number for row in rows if row not in removed]
    assert not queue.full


def test_rows_of_like_length_go_together() -> None:
    queue, _ = queue_of([10, 100, 11, 98, 9, 12])
    assert lengths_of(queue.take()) == [9, 10, 11, 12]
    assert lengths_of(queue.take()) == [98, 100]


def test_a_few_short_rows_share_a_call_in_spite_of_some_padding() -> None:
    """A call of its own costs more than the padding."""
    queue, _ = queue_of([8, 20])
    assert lengths_of(queue.take()) == [8, 20]


def test_a_row_over_the_limit_comes_alone() -> None:
    queue, _ = queue_of([600, 600, 5])
    assert lengths_of(queue.take()) == [600]


def test_it_is_full_once_a_batch_has_no_room() -> None:
    queue, _ = queue_of([200, 200])
    assert not queue.full
    queue.add(Row("request", 2, 200))
    assert queue.full
    assert queue_of([1, 1, 1], max_rows=3)[0].full


def test_lengths_go_together_where_padding_is_skipped() -> None:
    lengths = [10, 40, 11, 38, 9, 12]
    padded, _ = queue_of(lengths)
    assert lengths_of(padded.take()) == [9, 10, 11, 12]
    queue = BatchQueue[str](max_rows=1000, max_tokens=512, skips_padding=True)
    for row in padded.take():
        queue.add(row)
    for index, length in enumerate([9, 10, 11, 12, 300]):
        queue.add(Row("request", index, length))
    assert lengths_of(queue.take()) == [9, 10, 11, 12, 38, 40], "attention to 300 places would cost more"
    assert lengths_of(queue.take()) == [300]


def test_free_places_share_what_waits_unless_it_is_little() -> None:
    queue, _ = queue_of([20] * 16)
    assert len(queue.take(2)) == 8
    assert len(queue.take(2)) == 4
    assert len(queue.take(2)) == 4, "64 tokens are not split"
    queue, _ = queue_of([20] * 16)
    assert len(queue.take(1)) == 16
