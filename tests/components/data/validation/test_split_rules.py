from components.data.validation.split_rules import (
    check_dead_letters,
    check_labels,
    check_lengths,
    check_splits,
)

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
    assert "separator" not in rare.message
    assert check_labels({"joy": 20}, split="train", min_examples=20) == []
    (rare,) = check_labels({"joy;fear": 3, "fear;joy": 2}, split="train", min_examples=20)
    assert "if ';' stands between labels, set `separator: ';'`" in rare.message


def test_long_lists_are_cut():
    (without,) = check_labels({f"l{n}": 0 for n in range(30)}, split="train", min_examples=1)
    assert "l7 and 22 more" in without.message


def test_texts_that_are_no_utterance():
    (found,) = check_lengths("train", {"max": 5000.0}, max_words=2000)
    assert (found.split, found.feature, found.type) == ("train", "text", "TEXT_TOO_LONG")
    assert "5,000 words where 2,000 are expected" in found.message
    for lengths in ({"max": 2000.0}, {"max": None}, None):
        assert check_lengths("train", lengths, max_words=2000) == []


def test_dead_letters_near_the_limit():
    summary = {
        "splits": {"train": {"rows": 900}, "test": {"rows": 92}},
        "dead_letters": 8,
        "dead_letters_by_reason": {"EMPTY_TEXT": 3, "UNKNOWN_LABEL": 5},
    }
    (found,) = check_dead_letters(summary, max_share=0.005)
    assert (found.split, found.type) == ("train", "DEAD_LETTERS_HIGH")
    assert (
        "8 of 1,000 rows cannot be used (0.8%, limit 0.5%): UNKNOWN_LABEL (5), EMPTY_TEXT (3)"
        in found.message
    )
    assert check_dead_letters(summary, max_share=0.008) == []
    assert check_dead_letters({"splits": {"train": {"rows": 5}}}, max_share=0) == []
