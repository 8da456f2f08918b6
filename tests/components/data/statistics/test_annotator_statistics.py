from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.data.statistics.annotator_statistics import AnnotatorStatistics

NAMES = ("joy", "anger", "fear")
VOTES = st.lists(st.lists(st.sampled_from(NAMES), max_size=6), max_size=12)


def count(rows):
    """Counts texts, each given as its votes."""
    statistics = AnnotatorStatistics()
    counted = [Counter(votes) for votes in rows]
    statistics.add_all([([label.encode() for label in votes], list(votes.values())) for votes in counted])
    return statistics


def test_alpha_of_the_published_example():
    """Krippendorff (2011), section C: four observers, twelve units, nominal alpha 0.743."""
    observers = (
        "1 2 3 3 2 1 4 1 2 . . .",
        "1 2 3 3 2 2 4 1 2 5 . 3",
        ". 3 3 3 2 3 4 2 2 5 1 .",
        "1 2 3 3 2 4 4 1 2 5 1 .",
    )
    units = list(zip(*(line.split() for line in observers), strict=True))
    rows = [[value for value in unit if value != "."] for unit in units]
    assert count(rows).krippendorff_alpha() == pytest.approx(0.743, abs=0.0005)


@given(VOTES)
def test_disagreement_is_the_mean_over_pairs_of_raters(rows):
    pairs = [list(combinations(votes, 2)) for votes in rows if len(votes) > 1]
    statistics = count(rows)
    if not pairs:
        assert statistics.mean_disagreement() is None
        return
    shares = [sum(a != b for a, b in of_text) / len(of_text) for of_text in pairs]
    assert statistics.mean_disagreement() == pytest.approx(sum(shares) / len(shares), abs=1e-12)
    by_label = (statistics.to_json(NAMES) or {})["by_label"]
    for name in NAMES:
        differing = [
            sum((a == name) != (b == name) for a, b in combinations(votes, 2))
            / (len(votes) * (len(votes) - 1) / 2)
            for votes in rows
            if len(votes) > 1 and name in votes
        ]
        expected = sum(differing) / len(differing) if differing else None
        assert by_label[name]["disagreement"] == (expected if expected is None else pytest.approx(expected))


@given(VOTES)
def test_alpha_is_observed_over_expected_disagreement(rows):
    """The definition, pair by pair, in place of the coincidence matrix."""
    units = [votes for votes in rows if len(votes) > 1]
    pool = [vote for votes in units for vote in votes]
    expected_pairs = sum(a != b for a, b in combinations(pool, 2))
    alpha = count(rows).krippendorff_alpha()
    if not expected_pairs:
        assert alpha is None
        return
    observed = sum(2 * sum(a != b for a, b in combinations(votes, 2)) / (len(votes) - 1) for votes in units)
    expected = 2 * expected_pairs / (len(pool) * (len(pool) - 1))
    assert alpha == pytest.approx(1 - observed / len(pool) / expected, abs=1e-9)


@given(VOTES, VOTES)
def test_parts_can_be_merged(first, second):
    merged = count(first)
    merged.merge(count(second))
    assert merged.to_json(NAMES) == count(first + second).to_json(NAMES)


def test_full_agreement_and_its_absence():
    agreed = count([["joy"] * 3, ["anger"] * 3])
    assert (agreed.krippendorff_alpha(), agreed.mean_disagreement()) == (1, 0)
    split = count([["joy", "anger"]] * 50)
    assert split.mean_disagreement() == 1
    assert split.krippendorff_alpha() < -0.9
    assert count([["joy", "joy"]]).krippendorff_alpha() is None


def test_the_entry_for_the_report():
    entry = count([["joy", "joy", "anger"], ["fear"], []]).to_json(("joy", "anger", "fear", "pride"))
    assert entry is not None
    assert (entry["texts"], entry["raters"]) == (2, 4)
    assert entry["mean_disagreement"] == pytest.approx(2 / 3)
    assert entry["by_label"]["joy"] == {"share_of_votes": 0.5, "disagreement": pytest.approx(2 / 3)}
    assert entry["by_label"]["fear"] == {"share_of_votes": 0.25, "disagreement": None}
    assert entry["by_label"]["pride"] == {"share_of_votes": 0.0, "disagreement": None}


def test_without_votes_there_is_no_entry():
    assert AnnotatorStatistics().to_json(NAMES) is None
