import numpy as np
import pytest

from components.core.verdict import Verdict
from components.evaluation.gate import absolute_checks, change_checks, finite_scores_check

NOTHING = {"macro_f1": None, "micro_f1": None}


def change(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


def test_without_any_limit_the_verdict_says_what_to_configure():
    verdict = Verdict(
        (
            finite_scores_check(np.zeros((1, 1), np.float32)),
            *absolute_checks({"macro_f1": 0.9}, NOTHING, notes={}),
            *change_checks(None, {"macro_f1": 0.01}, incomparable="first model"),
        )
    )
    assert not verdict.blessed
    assert "evaluator.thresholds.macro_f1" in " ".join(verdict.reasons)


@pytest.mark.parametrize(
    ("value", "passed"), [(0.5, True), (0.4999, False), (float("nan"), False), (None, False)]
)
def test_a_lower_bound_is_reached_or_not(value, passed):
    (check,) = absolute_checks({"macro_f1": value}, {"macro_f1": 0.5, "micro_f1": None}, notes={})
    assert (check.name, check.limit, check.passed) == ("macro_f1", 0.5, passed)
    assert "0.500" in check.message


def test_the_lowest_label_is_named():
    (check,) = absolute_checks(
        {"min_label_f1": 0.1}, {"min_label_f1": 0.2}, notes={"min_label_f1": "grief, 6 texts"}
    )
    assert check.message == "lowest F1 of a label is 0.100 (grief, 6 texts), below the required 0.200"


@pytest.mark.parametrize(
    ("changes", "passed", "says"),
    [
        (change(-0.005, -0.02, 0.01), True, "fell by 0.005 (95 % interval -0.010 to +0.020)"),
        (change(-0.03, -0.07, 0.01), True, "within the noise"),
        (change(-0.03, -0.05, -0.01), False, "at most 0.010 may be lost"),
        (change(-0.005, -0.008, -0.002), True, "within the limit"),
        (change(0.03, 0.01, 0.05), True, "rose by 0.030"),
        (change(float("nan"), -0.1, 0.1), False, "could not be measured"),
    ],
)
def test_only_a_loss_that_is_large_and_certain_refuses(changes, passed, says):
    (check,) = change_checks({"macro_f1": changes}, {"macro_f1": 0.01, "micro_f1": None}, incomparable="")
    assert check.passed is passed
    assert says in check.message


def test_the_first_model_has_nothing_to_lose():
    (check,) = change_checks(None, {"macro_f1": 0.01}, incomparable="first model")
    assert check.passed
    assert check.value is None
    assert "first model" in check.message


def test_scores_that_are_no_numbers_refuse():
    scores = np.array([[0.1, np.nan], [0.3, 0.4]], np.float32)
    check = finite_scores_check(scores)
    assert (check.value, check.passed) == (0.75, False)
    assert finite_scores_check(scores[1:]).passed
