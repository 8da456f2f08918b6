from hypothesis import given
from hypothesis import strategies as st

from components.data.ingestion.splits import HashSplitter, canonical_split, normalize_text, split_in_name

SPLITTER = HashSplitter((("train", 0.8), ("validation", 0.1), ("test", 0.1)), "")


def test_shares_are_kept():
    splits = [SPLITTER.split(f"row {number}") for number in range(20_000)]
    assert abs(splits.count("train") / 20_000 - 0.8) < 0.01
    assert abs(splits.count("validation") / 20_000 - 0.1) < 0.01


def test_the_division_is_the_same_on_every_machine():
    keys = ("a", "b", "c", "d", "e", "ü")
    assert [SPLITTER.split(key) for key in keys] == ["train"] * 3 + ["validation", "train", "test"]


def test_the_salt_changes_the_division():
    other = HashSplitter(SPLITTER.shares, "salt")
    assert any(SPLITTER.split(str(key)) != other.split(str(key)) for key in range(100))


@given(st.text())
def test_a_split_without_a_share_gets_nothing(key):
    splitter = HashSplitter((("train", 1.0), ("validation", 0.0), ("test", 0.0)), "")
    assert splitter.split(key) == "train"


@given(st.text(max_size=30))
def test_case_and_white_space_make_no_other_text(text):
    assert normalize_text(f"  {text}\n") == normalize_text(text)
    assert normalize_text(normalize_text(text)) == normalize_text(text)


def test_names_of_splits():
    assert [canonical_split(name) for name in ("dev", "VALID", "val", "train", "holdout")] == [
        "validation",
        "validation",
        "validation",
        "train",
        "holdout",
    ]
    assert split_in_name(["en", "dev", "jsonl"]) == "validation"
    assert split_in_name(["contest", "csv"]) is None
