"""Robustness, fairness and explained errors as the report shows them."""

from pipeline.report.behaviour import fairness, robustness
from pipeline.report.explained import explained
from tests.pipeline.report.evaluation_sample import behaviour


def test_the_test_that_fails_most_comes_first() -> None:
    found = robustness(behaviour())
    assert found is not None
    assert [test["name"] for test in found["tests"]] == ["negation", "typos", "plain statements", "casing"]
    assert robustness({"robustness": {"tests": [], "failure_rate": None}}) is None
    assert robustness({}) is None


def test_gaps_are_ranked_by_width_and_marked_where_chance_does_not_explain_them() -> None:
    found = fairness(behaviour())
    assert found is not None
    shown = [(row["group"], row["certain"]) for row in found["groups"]]
    certain = [("Muslim", True), ("African American", True), ("Christian", True)]
    assert shown == [*certain, ("man", False), ("woman", False)]
    assert found["scale"] == 0.031 + 0.012
    assert found["comparisons"] == 952
    assert fairness({}) is None


def test_a_page_does_not_grow_with_the_number_of_groups() -> None:
    gap = {"value": 0.01, "low": 0.0, "high": 0.02}
    row = {"attribute": "religion", "output": "joy", "cases": 9, "gap": gap}
    found = fairness({"fairness": {"groups": [{**row, "group": f"{at:03}"} for at in range(500)]}})
    assert found is not None
    assert len(found["groups"]) + len(found["more"]) + found["left_out"] == 500
    assert len(found["more"]) == 60


def test_words_are_coloured_by_what_they_did_and_are_together_the_text() -> None:
    values = [("  I ", 0.02), ("hate", 0.5), (" ", 0.0), ("waiting ", -0.2), ("here", 0.31)]
    error = {"label": "anger", "tokens": [{"text": text, "value": value} for text, value in values]}
    found = explained(error)
    assert found is not None
    pieces = found["pieces"]
    assert "".join(p["before"] + p["words"] + p["after"] for p in pieces) == "  I hate waiting here"
    assert [(p["words"], p["shade"]) for p in pieces if p["words"]] == [
        ("I", 0),
        ("hate", 4),
        ("waiting", -2),
        ("here", 3),
    ]
    named = {side["name"]: [word["text"].strip() for word in side["words"]] for side in found["strongest"]}
    assert named == {"for": ["hate", "here", "I"], "against": ["waiting"]}


def test_an_error_without_attributions_is_plain_text() -> None:
    assert explained({"label": "joy"}) is None
    assert explained({"label": "joy", "tokens": [{"text": "well", "value": 0.0}]}) is None
