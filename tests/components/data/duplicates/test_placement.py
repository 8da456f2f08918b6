import numpy as np
import pytest

from components.data.duplicates.placement import DROPPED, place
from components.data.duplicates.signatures import Pool, Signatures

NAMES = ("test", "train", "validation")
TEST, TRAIN, VALIDATION = range(3)


def placed(rows: list[tuple[int, int, int, int]], *, drop: bool = False) -> list[int]:
    """Where rows of (text, lead, split, pool) go; a dropped one is -1."""
    texts, leads, splits, pools = (np.array(column) for column in zip(*rows, strict=True))
    signatures = Signatures(
        texts=texts.astype(np.uint64),
        labels=np.zeros(len(rows), np.uint64),
        splits=splits.astype(np.uint8),
        pools=pools.astype(np.uint8),
        lengths=np.zeros(len(rows), np.int64),
        bits=np.zeros(len(rows), np.uint64),
        words="",
    )
    placement = place(signatures, leads.astype(np.int64), NAMES, drop=drop)
    found = placement.splits.astype(int).tolist()
    moved = sum(split not in (row[2], DROPPED) for split, row in zip(found, rows, strict=True))
    assert placement.moved == moved
    return [-1 if split == DROPPED else split for split in found]


def test_rows_without_duplicates_stay():
    rows = [(1, 0, TRAIN, Pool.DEALT), (2, 1, TEST, Pool.DEALT), (3, 2, VALIDATION, Pool.FIXED)]
    assert placed(rows) == placed(rows, drop=True) == [TRAIN, TEST, VALIDATION]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_dealt_rows_follow_the_smallest_hash_whatever_their_order(order: tuple[int, ...]):
    group = [(30, TRAIN), (10, TEST), (20, VALIDATION)]
    rows = [(*group[number], Pool.DEALT) for number in order]
    assert placed([(text, 0, split, pool) for text, split, pool in rows]) == [TEST] * 3


def test_dealt_rows_follow_rows_that_cannot_be_moved_and_rather_not_to_train():
    rows = [(1, 0, VALIDATION, Pool.DEALT), (2, 0, TRAIN, Pool.FIXED), (3, 0, TEST, Pool.FIXED)]
    assert placed(rows) == [TEST, TRAIN, TEST]


def test_rows_of_given_files_stay():
    rows = [(1, 0, TRAIN, Pool.FIXED), (1, 0, TEST, Pool.FIXED)]
    assert placed(rows) == [TRAIN, TEST]


def test_rows_carved_from_train_go_together():
    rows = [(2, 0, TRAIN, Pool.CARVED), (1, 0, VALIDATION, Pool.CARVED), (3, 0, TEST, Pool.FIXED)]
    assert placed(rows) == [VALIDATION, VALIDATION, TEST]


def test_dropping_keeps_what_judges_and_the_first_of_equal_texts():
    rows = [
        (1, 0, TRAIN, Pool.FIXED),  # also in test
        (1, 0, TEST, Pool.FIXED),
        (1, 0, TEST, Pool.FIXED),  # a repetition
        (2, 0, TEST, Pool.FIXED),  # nearly equal, in the same split
        (5, 4, TRAIN, Pool.FIXED),
        (5, 4, TRAIN, Pool.FIXED),  # a repetition
        (6, 6, TRAIN, Pool.FIXED),  # also in validation
        (7, 6, VALIDATION, Pool.FIXED),
    ]
    assert placed(rows, drop=True) == [-1, TEST, -1, TEST, TRAIN, -1, -1, VALIDATION]


def test_no_rows_are_no_problem():
    empty = np.zeros(0)
    rows = Signatures(
        empty.astype(np.uint64),
        empty.astype(np.uint64),
        empty.astype(np.uint8),
        empty.astype(np.uint8),
        empty.astype(np.int64),
        empty.astype(np.uint64),
        "",
    )
    assert len(place(rows, empty.astype(np.int64), NAMES, drop=True).splits) == 0
