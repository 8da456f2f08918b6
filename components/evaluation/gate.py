"""The checks that bless a model or refuse it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.core.verdict import Check, Verdict

__all__ = ["absolute_checks", "change_checks", "finite_scores_check", "judge"]

_WORDS = {
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "weighted_f1": "weighted F1",
    "min_label_f1": "lowest F1 of a label",
}


def judge(
    metrics: Mapping[str, Any],
    scores: NDArray[np.float32],
    *,
    lowest: Mapping[str, float | None],
    largest_drops: Mapping[str, float | None],
) -> Verdict:
    """Holds the measurements of `metrics.json` against the configured limits.

    Args:
        metrics: the document that the Evaluator writes.
        scores: float [rows, labels] that were measured.
        lowest: lower bound by metric name (`macro_f1`, `micro_f1`, `weighted_f1`, `min_label_f1`); None = not checked.
        largest_drops: largest loss against the baseline by metric name; None = not checked.
    """
    worst = min(metrics["labels"], key=lambda row: row["f1"]["value"])
    measured = {
        "macro_f1": metrics["macro_f1"]["value"],
        "micro_f1": metrics["micro_f1"]["value"],
        "weighted_f1": metrics["weighted_f1"],
        "min_label_f1": worst["f1"]["value"],
    }
    notes = {"min_label_f1": f"{worst['label']}, {worst['support']} texts"}
    baseline = metrics["baseline"]
    return Verdict(
        (
            finite_scores_check(scores),
            *absolute_checks(measured, lowest, notes=notes),
            *change_checks(baseline.get("changes"), largest_drops, incomparable=baseline.get("note", "")),
        )
    )


def finite_scores_check(scores: NDArray[np.float32]) -> Check:
    """Every score must be a number: a model that answers NaN is never blessed.

    Args:
        scores: float [rows, labels].
    """
    share = float(np.isfinite(scores).mean()) if scores.size else None
    message = "every score is a number"
    if share != 1.0:
        message = "some scores are no numbers (NaN or infinite): training diverged; lower the learning rate"
    return Check.at_least("finite_scores", share, 1.0, message)


def absolute_checks(
    measured: Mapping[str, float | None], limits: Mapping[str, float | None], *, notes: Mapping[str, str]
) -> list[Check]:
    """Holds measurements against lower bounds; with no bound at all the one check there is fails.

    Args:
        measured: value by metric name.
        limits: lower bound by metric name; None = not checked.
        notes: what to add to a metric's message (which label is the lowest).
    """
    configured = {name: limit for name, limit in limits.items() if limit is not None}
    if not configured:
        message = (
            "no quality threshold is configured: set at least evaluator.thresholds.macro_f1 to the lowest value "
            "that you would release"
        )
        return [Check("thresholds", None, None, False, message)]
    return [_absolute_check(name, measured.get(name), limit, notes) for name, limit in configured.items()]


def _absolute_check(name: str, value: float | None, limit: float, notes: Mapping[str, str]) -> Check:
    check = Check.at_least(name, value, limit, "")
    shown = "could not be measured" if value is None or not np.isfinite(value) else f"is {value:.3f}"
    relation = "at least" if check.passed else "below the required"
    note = f" ({notes[name]})" if name in notes else ""
    return Check(name, value, limit, check.passed, f"{_WORDS[name]} {shown}{note}, {relation} {limit:.3f}")


def change_checks(
    changes: Mapping[str, Mapping[str, float]] | None,
    limits: Mapping[str, float | None],
    *,
    incomparable: str,
) -> list[Check]:
    """Holds the loss of quality against the baseline below its limit.

    A loss counts if it is larger than the limit and no noise, that is, if its paired interval excludes zero: a
    model retrained with another seed is not refused for the luck of the draw.

    Args:
        changes: by metric name, candidate minus baseline: `value` and the bounds `low` and `high` of its paired
            interval; None if there is nothing to compare with.
        limits: largest allowed loss by metric name; None = not checked.
        incomparable: why there is nothing to compare with (`first model`).
    """
    return [
        _change_check(name, None if changes is None else changes[name], limit, incomparable)
        for name, limit in limits.items()
        if limit is not None
    ]


def _change_check(name: str, change: Mapping[str, float] | None, limit: float, incomparable: str) -> Check:
    check_name = f"{name}_drop"
    if change is None:
        return Check(check_name, None, limit, True, f"{_WORDS[name]} has no baseline: {incomparable}")
    drop, metric = -change["value"], _WORDS[name]
    low, high = -change["high"], -change["low"]
    span = f"(95 % interval {low:+.3f} to {high:+.3f})"
    if not np.isfinite([drop, low, high]).all():
        return Check(check_name, None, limit, False, f"the change of {metric} could not be measured")
    direction = "fell" if drop > 0 else "rose"
    moved = f"{metric} {direction} by {abs(drop):.3f} {span} against the last blessed model"
    if drop > limit and low > 0:
        return Check(check_name, drop, limit, False, f"{moved}; at most {limit:.3f} may be lost")
    within = "within the noise of this split" if drop > limit else "within the limit"
    return Check(check_name, drop, limit, True, f"{moved}, {within}")
