from components.data.validation.duplicate_rules import check_conflicts, check_leakage

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
