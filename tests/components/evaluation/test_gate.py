import numpy as np
import pytest

from components.core.verdict import Verdict
from components.evaluation.gate import absolute_checks, change_checks, finite_scores_check, judge

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


def document(head: str, task: str = "single_label", **figures):
    return {"head": head, "task": task, "baseline": {"note": "first model"}, **figures}


VAD = document("vad", "regression", pearson={"value": 0.6}, mae={"value": 0.3})
POLARITY = document("polarity", macro_f1={"value": 0.7}, accuracy={"value": 0.8})


def verdict_of(heads, limits, head_limits=None, drops=None):
    scores = np.zeros((1, 1), np.float32)
    verdict = judge(
        heads, scores, limits=limits, head_limits=head_limits or {}, largest_drops=drops or {"macro_f1": None}
    )
    return {check.name: check for check in verdict.checks if check.name != "finite_scores"}


def test_a_limit_holds_for_the_heads_that_have_the_metric():
    checks = verdict_of([VAD, POLARITY], {"macro_f1": 0.6, "pearson": 0.7, "max_mae": 0.35})
    assert {name: check.passed for name, check in checks.items()} == {
        "vad.pearson": False,
        "vad.max_mae": True,
        "polarity.macro_f1": True,
    }
    assert checks["vad.pearson"].message == "vad: mean Pearson r is 0.600, below the required 0.700"
    assert checks["vad.max_mae"].message == "vad: mean absolute error is 0.300, at most 0.350"


def test_an_error_above_its_limit_refuses():
    check = verdict_of([VAD], {"max_mae": 0.2})["max_mae"]
    assert (check.passed, check.limit) == (False, 0.2)
    assert check.message == "mean absolute error is 0.300, above the allowed 0.200"


def test_a_metric_that_no_head_has_refuses():
    check = verdict_of([VAD], {"macro_f1": 0.5})["macro_f1"]
    assert not check.passed
    assert "could not be measured" in check.message


def test_a_head_may_have_limits_of_its_own():
    heads, own = [VAD, POLARITY], {"polarity": {"accuracy": 0.9}}
    checks = verdict_of(heads, {"macro_f1": None, "pearson": 0.5}, own)
    assert {name: check.passed for name, check in checks.items()} == {
        "vad.pearson": True,
        "polarity.accuracy": False,
    }


def test_numbers_without_any_limit_are_told_of_their_metric():
    check = verdict_of([VAD], {"macro_f1": None})["thresholds"]
    assert "evaluator.thresholds.pearson" in check.message


def test_changes_are_judged_by_head():
    worse = {
        **POLARITY,
        "baseline": {"changes": {"macro_f1": change(-0.1, -0.2, -0.05), "micro_f1": change(0, 0, 0)}},
    }
    checks = verdict_of([VAD, worse], {"macro_f1": 0.5}, drops={"macro_f1": 0.01, "pearson": 0.01})
    assert checks["vad.pearson_drop"].passed
    assert not checks["polarity.macro_f1_drop"].passed
