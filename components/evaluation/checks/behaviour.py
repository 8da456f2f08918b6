"""Checks of behavioural tests and of identity swaps."""

from collections.abc import Iterator, Mapping
from typing import Any

from components.core.verdict import Check
from components.evaluation.checks.bounds import bound_check
from components.evaluation.checks.words import is_number, value_of
from components.evaluation.limits import FairnessLimits, RobustnessLimits

__all__ = ["fairness_checks", "robustness_checks"]


def robustness_checks(robustness: Mapping[str, Any] | None, limits: RobustnessLimits) -> Iterator[Check]:
    """Holds failure rates against their bounds.

    Args:
        robustness: of `metrics.json`: `failure_rate` and `tests`, each with `name`, `cases`, `failed` and
            `failure_rate`; None if no test was made.
        limits: highest rates.
    """
    made = robustness or {}
    tests = {test["name"]: test for test in made.get("tests", ())}
    if limits.max_failure_rate is not None:
        yield bound_check(
            "robustness.max_failure_rate",
            value_of(made.get("failure_rate")),
            limits.max_failure_rate,
            "failure rate of all behavioural tests",
        )
    others = (
        {} if limits.max_test_failure_rate is None else dict.fromkeys(tests, limits.max_test_failure_rate)
    )
    if limits.max_test_failure_rate is not None and not tests:
        yield bound_check(
            "robustness.tests",
            None,
            limits.max_test_failure_rate,
            "failure rate of any behavioural test",
            highest=True,
        )
    for name, limit in {**others, **limits.tests}.items():
        test = tests.get(name)
        note = f"there is no test of that name, only {', '.join(tests) or 'none'}"
        if test is not None:
            note = f"{test['failed']} of {test['cases']} cases"
        rate = None if test is None else value_of(test["failure_rate"])
        yield bound_check(
            f"robustness.{name}", rate, limit, f"failure rate of the test {name}", note=note, highest=True
        )


def fairness_checks(fairness: Mapping[str, Any] | None, limits: FairnessLimits) -> Iterator[Check]:
    """Holds the largest gap against its bound, if it is no accident: its interval holds for all gaps at once.

    Args:
        fairness: of `metrics.json`: `largest_gap` with `attribute`, `group`, `output`, `value`, `low` and `high`, the
            largest of those that exclude zero if there is one, and `comparisons`; None if no swap was made.
        limits: largest gap.
    """
    if limits.max_gap is None:
        return
    name, limit = "fairness.max_gap", limits.max_gap
    gap = (fairness or {}).get("largest_gap")
    if fairness is None or gap is None or not is_number(gap["value"], gap["low"], gap["high"]):
        whose = f" of {_shown(gap)}" if gap else ""
        yield Check(name, None, limit, False, f"the score gap{whose} by identity group could not be measured")
        return
    gaps = f"{fairness['comparisons']} gaps"
    if gap["low"] <= 0 <= gap["high"]:
        yield Check(name, 0.0, limit, True, f"none of {gaps} exceeds the noise of the templates")
        return
    value = abs(gap["value"])
    verb = "raises" if gap["value"] > 0 else "lowers"
    told = (
        f"naming {_shown(gap)} {verb} the score by {value:.3f}, the most of {gaps} "
        f"(95 % interval for all of them at once {gap['low']:+.3f} to {gap['high']:+.3f})"
    )
    kept = value <= limit
    yield Check(name, value, limit, kept, f"{told}, {'at most' if kept else 'above the allowed'} {limit:.3f}")


def _shown(group: Mapping[str, Any]) -> str:
    return f"{group['attribute']} {group['group']} (score of {group['output']})"
