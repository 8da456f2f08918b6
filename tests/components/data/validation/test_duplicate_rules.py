from components.data.validation.duplicate_rules import check_conflicts, check_leakage, check_moved
from components.data.validation.split_rules import check_splits

ROWS = {"train": 80, "test": 20}


def duplicates(**pair):
    across = {
        "splits": ["train", "test"],
        "groups": 3,
        "exact_groups": 2,
        "rows": [5, 3],
        "examples": [
            {"texts": ["what a day", "what a nice day"], "similarity": 0.8},
            {"texts": ["see you soon", "See you soon"], "similarity": 1.0},
        ],
        **pair,
    }
    return {
        "policy": "report",
        "across_splits": [across],
        "conflicts": {
            "groups": 1,
            "rows": 2,
            "examples": [{"text": "see you soon", "labels": [["joy"], ["sadness", "love"]]}],
        },
    }


def test_equal_and_nearly_equal_texts_in_two_splits():
    exact, near = check_leakage(duplicates(), ROWS, max_share=0)
    assert (exact.split, exact.feature, exact.type) == ("test", "text", "TEXT_IN_TWO_SPLITS")
    assert (
        "2 texts stand in train, too (3 rows of test in all, 15.0%; one is 'see you soon')" in exact.message
    )
    assert (near.split, near.type) == ("test", "NEAR_DUPLICATE_IN_TWO_SPLITS")
    assert "1 groups of nearly equal texts" in near.message
    assert "'what a day' / 'what a nice day'" in near.message


def test_it_is_the_other_split_that_knows_what_train_knows():
    turned = duplicates(splits=["test", "train"], rows=[3, 5], exact_groups=3)
    (found,) = check_leakage(turned, ROWS, max_share=0)
    assert found.split == "test"
    assert "stand in train, too (3 rows of test in all, 15.0%" in found.message


def test_only_one_kind():
    assert [one.type for one in check_leakage(duplicates(exact_groups=0), ROWS, max_share=0)] == [
        "NEAR_DUPLICATE_IN_TWO_SPLITS"
    ]
    assert [one.type for one in check_leakage(duplicates(exact_groups=3), ROWS, max_share=0)] == [
        "TEXT_IN_TWO_SPLITS"
    ]


def test_what_may_pass():
    assert check_leakage(duplicates(), ROWS, max_share=0.15) == []
    assert check_leakage(None, ROWS, max_share=0) == []
    assert check_leakage({"policy": "report"}, ROWS, max_share=0) == []


def test_conflicting_labels():
    (found,) = check_conflicts(duplicates(), ROWS, max_share=0.01)
    assert (found.split, found.feature, found.type) == ("train", "labels", "CONFLICTING_LABELS")
    assert "2 rows (2.0%, limit 1.0%) hold 1 texts" in found.message
    assert "(one is 'see you soon': joy and sadness+love)" in found.message
    assert check_conflicts(duplicates(), ROWS, max_share=0.02) == []
    assert check_conflicts(None, ROWS, max_share=0) == []
    assert check_conflicts({"conflicts": None}, ROWS, max_share=0) == []


def moved(dealt, together, *, near=True):
    return {
        "near_looked_for": near,
        "similarity": 0.7,
        "moved": 90,
        "largest_group": 600,
        "rows_dealt": dealt,
        "rows_together": together,
    }


def test_splits_that_duplicates_have_resized_are_named():
    dealt = {"test": 100, "train": 800, "validation": 100}
    found = moved(dealt, {"test": 74, "train": 800, "validation": 126})
    assert [(one.split, one.type) for one in check_moved(found, min_examples=50)] == [
        ("test", "SPLIT_SIZE_CHANGED"),
        ("validation", "SPLIT_SIZE_CHANGED"),
    ]
    message = check_moved(found, min_examples=50)[0].message
    assert "74 rows in place of the 100" in message
    assert "the largest group of them has 600 rows" in message
    assert "`example_gen.duplicates.similarity` (now 0.7)" in message
    assert "`example_gen.duplicates.near: false`" in message
    assert check_moved(found, min_examples=200) == []
    assert check_moved(moved(dealt, {"test": 75, "train": 800, "validation": 125}), min_examples=50) == []
    assert check_moved({"policy": "report"}, min_examples=50) == check_moved(None, min_examples=50) == []
    exact = moved(dealt, {"test": 200, "train": 700, "validation": 100}, near=False)
    assert "near: false" not in check_moved(exact, min_examples=50)[0].message


def test_a_split_that_duplicates_have_emptied_names_them():
    found = moved({"test": 30, "train": 800}, {"test": 0, "train": 830})
    assert check_moved(found, min_examples=10) == []
    (empty,) = check_splits({"test": 0, "train": 830}, required=(), min_examples=10, duplicates=found)
    assert "all 30 rows of this split were moved" in empty.message
    assert "`example_gen.duplicates.near: false`" in empty.message
    found = moved({"test": 0, "train": 800}, {"test": 0, "train": 800})
    (empty,) = check_splits({"test": 0, "train": 800}, required=(), min_examples=10, duplicates=found)
    assert "change `example_gen.split_shares`" in empty.message
