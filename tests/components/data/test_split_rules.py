import numpy as np

from components.data.split_rules import check_labels, check_leakage, check_priors, check_splits

REQUIRED = ("train", "validation", "test")


def types(findings):
    return [(found.split, found.type) for found in findings]


def test_missing_empty_and_small_splits():
    found = check_splits({"train": 100, "test": 0, "extra": 9}, required=REQUIRED, min_examples=10)
    assert types(found) == [
        ("validation", "SPLIT_MISSING"),
        ("test", "SPLIT_EMPTY"),
        ("extra", "DATASET_LOW_NUM_EXAMPLES"),
    ]
    assert "`example_gen.validation_share`" in found[0].message
    assert check_splits({"train": 10, "validation": 10, "test": 10}, required=REQUIRED, min_examples=10) == []


def test_labels_that_cannot_be_learned():
    without, rare = check_labels({"joy": 50, "fear": 0, "grief": 3}, split="train", min_examples=20)
    assert (without.type, rare.type) == ("LABEL_WITHOUT_EXAMPLES", "RARE_LABEL")
    assert "no example has fear;" in without.message
    assert "fewer than 20 examples of grief (3);" in rare.message
    assert check_labels({"joy": 20}, split="train", min_examples=20) == []


def test_long_lists_are_cut():
    (without,) = check_labels({f"l{n}": 0 for n in range(30)}, split="train", min_examples=1)
    assert "l7 and 22 more" in without.message


def test_leakage_above_the_limit():
    overlaps = [{"splits": ["train", "test"], "texts": 2, "rows": [4, 3], "examples": ["hi there"]}]
    (found,) = check_leakage(overlaps, {"train": 80, "test": 20}, max_share=0.1)
    assert (found.split, found.type) == ("test", "TEXT_IN_TWO_SPLITS")
    assert "2 texts stand in train, too (3 rows, 15.0%; one is 'hi there')" in found.message
    assert check_leakage(overlaps, {"train": 80, "test": 20}, max_share=0.15) == []


def test_a_shift_that_chance_does_not_explain():
    train = {"joy": 500, "fear": 500}
    (found,) = check_priors(train, {"joy": 700, "fear": 300}, split="test", max_distance=0.05)
    assert found.type == "COMPARATOR_L_INFTY_HIGH"
    assert "distance 0.200" in found.message
    assert check_priors(train, {"joy": 700, "fear": 300}, split="test", max_distance=0.2) == []
    assert check_priors(train, {"joy": 7, "fear": 3}, split="test", max_distance=0.05) == []
    assert check_priors(train, {"joy": 0, "fear": 0}, split="test", max_distance=0.05) == []


def test_resamples_of_one_distribution_are_silent():
    random = np.random.default_rng(0)
    labels = [f"label {number}" for number in range(28)]
    shares = 1 / np.arange(1.0, 29.0)
    shares /= shares.sum()
    alarms = 0
    for _ in range(500):
        train, other = (
            dict(zip(labels, random.multinomial(size, shares).tolist(), strict=True)) for size in (1000, 60)
        )
        alarms += bool(check_priors(train, other, split="test", max_distance=0.05))
    assert alarms <= 25
