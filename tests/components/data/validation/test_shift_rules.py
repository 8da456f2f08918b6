import numpy as np
import pytest

from components.data.validation.comparisons import Comparison
from components.data.validation.shift_rules import ShiftLimits, measure_shifts, summarize_shifts
from components.data.validation.split_profile import SplitProfile
from tests.components.written_statistics import dataset, document

LIMITS = ShiftLimits(label=0.1, category=0.05, length=0.1, false_alarms=0.01)
LABELS = [f"label {number}" for number in range(28)]
SHARES = 1 / np.arange(3.0, 31.0) ** 1.2


def sample(random, size, shares=SHARES, *, name="train", words=12, english=0.8):
    """Rows with independent labels, Poisson lengths and a language."""
    has = random.random((size, len(shares))) < shares
    lengths = random.poisson(words, size)
    languages = random.random(size) < english
    rows = [
        {
            "text": [" ".join(["w"] * (1 + int(length)))],
            "labels": [LABELS[index] for index in np.flatnonzero(row)],
            "slice/lang": ["en" if spoken else "de"],
        }
        for row, length, spoken in zip(has, lengths, languages, strict=True)
    ]
    return SplitProfile(name, dataset(name, rows), document(rows, LABELS))


def shifts(here, there, limits=LIMITS):
    found = summarize_shifts(measure_shifts([Comparison("skew", here, there, "train")], limits))
    return {finding.type: finding for finding in found}


@pytest.fixture(scope="module")
def usual():
    return sample(np.random.default_rng(0), 8000)


@pytest.mark.parametrize(("label", "factor"), [(3, 2.0), (27, 3.0), (0, 0.5)])
def test_a_label_whose_prior_has_shifted(usual, label, factor):
    shares = SHARES.copy()
    shares[label] *= factor
    found = shifts(sample(np.random.default_rng(1), 5000, shares, name="test"), usual)
    assert list(found) == ["LABEL_PRIOR_SHIFT"]
    assert (found["LABEL_PRIOR_SHIFT"].split, found["LABEL_PRIOR_SHIFT"].feature) == ("test", "labels")
    assert f"does not explain: label {label} " in found["LABEL_PRIOR_SHIFT"].message


def test_lengths_and_columns_that_have_shifted(usual):
    random = np.random.default_rng(2)
    assert list(shifts(sample(random, 3000, words=15), usual)) == ["LENGTH_SHIFT"]
    found = shifts(sample(random, 3000, english=0.7), usual)
    assert list(found) == ["CATEGORY_SHIFT"]
    assert found["CATEGORY_SHIFT"].feature == "slice/lang"


def test_the_number_of_labels_a_text_has():
    """As many of each label, but never two at once: texts were annotated in another way."""
    together = [{"text": ["w"], "labels": ["joy", "love"]}, {"text": ["w"], "labels": []}] * 500
    apart = [{"text": ["w"], "labels": ["joy"]}, {"text": ["w"], "labels": ["love"]}] * 500
    here, there = (
        SplitProfile("test", dataset("test", rows), document(rows, ["joy", "love"]))
        for rows in (apart, together)
    )
    found = shifts(here, there)
    assert list(found) == ["LABELS_PER_TEXT_SHIFT"]
    assert "check `separator`" in found["LABELS_PER_TEXT_SHIFT"].message


def test_trifles_are_silent_however_significant():
    rows = [{"text": ["w"], "labels": ["joy"]}, {"text": ["w"], "labels": []}]
    here, there = (
        SplitProfile("train", dataset("train", rows), {"label_counts": {"joy": count}, "rows": 10_000_000})
        for count in (510_000, 500_000)
    )
    here.dataset.num_examples = there.dataset.num_examples = 10_000_000
    (measured,) = measure_shifts([Comparison("drift", here, there, "then")], LIMITS)
    assert measured.p_value < 1e-20
    assert not measured.exceeded


def test_chance_is_silent_however_large():
    random = np.random.default_rng(3)
    here, there = sample(random, 30, name="test"), sample(random, 60)
    measured = measure_shifts([Comparison("skew", here, there, "train")], LIMITS)
    assert max(one.value for one in measured if one.type == "LABEL_PRIOR_SHIFT") > LIMITS.label
    assert summarize_shifts(measured) == []


@pytest.mark.parametrize("sizes", [(8000, 1000), (1000, 60), (200, 200)])
def test_resamples_of_one_distribution_are_silent(sizes):
    random = np.random.default_rng(4)
    alarms = sum(
        bool(shifts(sample(random, sizes[1], name="test"), sample(random, sizes[0]))) for _ in range(20)
    )
    assert alarms <= 1


def test_labels_are_told_in_one_finding(usual):
    found = shifts(sample(np.random.default_rng(5), 5000, SHARES * 2), usual)
    assert "label 0 " in found["LABEL_PRIOR_SHIFT"].message
    assert "and 2" in found["LABEL_PRIOR_SHIFT"].message


def test_nothing_to_compare():
    empty = SplitProfile("train", dataset("train", [{"text": ["w"]}]))
    assert measure_shifts([Comparison("skew", empty, empty, "train")], LIMITS) == []
