"""The checks that bless a model or refuse it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.core.verdict import Check, Verdict

__all__ = ["Limits", "absolute_checks", "change_checks", "finite_scores_check", "judge"]

Limits = Mapping[str, float | None]
"""Bound by name of a metric, or of a metric behind `max_` for one that must not be above it; None = not checked."""

_MAX = "max_"

_WORDS = {
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "weighted_f1": "weighted F1",
    "min_label_f1": "lowest F1 of a label",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "quadratic_kappa": "quadratic weighted kappa",
    "pearson": "mean Pearson r",
    "spearman": "mean Spearman rho",
    "ccc": "mean concordance correlation",
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
}


def judge(
    heads: Sequence[Mapping[str, Any]],
    scores: NDArray[np.float32],
    *,
    limits: Limits,
    head_limits: Mapping[str, Limits],
    largest_drops: Limits,
) -> Verdict:
    """Holds the measurements of `metrics.json` against the configured limits.

    Args:
        heads: the documents of the heads that the Evaluator writes.
        scores: float [rows, outputs] that were measured.
        limits: of every head that has the metric.
        head_limits: by head name, in place of `limits`.
        largest_drops: largest loss against the baseline by metric name, of every head that has the metric.
    """
    checks = [finite_scores_check(scores), *_bound_checks(heads, limits, head_limits)]
    for document in heads:
        drops = {name: limit for name, limit in largest_drops.items() if name in document}
        baseline = document["baseline"]
        checks += change_checks(
            baseline.get("changes"),
            drops,
            incomparable=baseline.get("note", ""),
            head=_shown(document, heads),
        )
    return Verdict(tuple(checks))


def _bound_checks(
    heads: Sequence[Mapping[str, Any]], limits: Limits, head_limits: Mapping[str, Limits]
) -> Iterator[Check]:
    """Those of every head; a limit that no head can be held against is a check that fails."""
    everywhere = {name: limit for name, limit in limits.items() if limit is not None}
    found: list[Check] = []
    held: set[str] = set()
    for document in heads:
        measured, notes = _measured(document)
        own = head_limits.get(document["head"])
        if own is None:
            own = {name: limit for name, limit in everywhere.items() if name.removeprefix(_MAX) in measured}
            held |= own.keys()
        if any(limit is not None for limit in own.values()):
            found += absolute_checks(measured, own, notes=notes, head=_shown(document, heads))
    shared = any(document["head"] not in head_limits for document in heads)
    orphans = {name: limit for name, limit in everywhere.items() if shared and name not in held}
    if orphans:
        found += absolute_checks({}, orphans, notes={})
    advised = "pearson" if heads[0]["task"] == "regression" else "macro_f1"
    yield from found or absolute_checks({}, {}, notes={}, advised=advised)


def _measured(document: Mapping[str, Any]) -> tuple[dict[str, float | None], dict[str, str]]:
    """The value of each metric of a head by name, and what to add to a metric's message."""
    measured: dict[str, float | None] = {}
    for name in _WORDS:
        if name in document:
            figure = document[name]
            measured[name] = figure["value"] if isinstance(figure, Mapping) else figure
    if not document.get("labels"):
        return measured, {}
    worst = min(document["labels"], key=lambda row: row["f1"]["value"])
    measured["min_label_f1"] = worst["f1"]["value"]
    return measured, {"min_label_f1": f"{worst['label']}, {worst['support']} texts"}


def _shown(document: Mapping[str, Any], heads: Sequence[Mapping[str, Any]]) -> str:
    """The head's name if there is more than one."""
    return str(document["head"]) if len(heads) > 1 else ""


def finite_scores_check(scores: NDArray[np.float32]) -> Check:
    """Every score must be a number: a model that answers NaN is never blessed.

    Args:
        scores: float [rows, outputs].
    """
    share = float(np.isfinite(scores).mean()) if scores.size else None
    message = "every score is a number"
    if share != 1.0:
        message = "some scores are no numbers (NaN or infinite): training diverged; lower the learning rate"
    return Check.at_least("finite_scores", share, 1.0, message)


def absolute_checks(
    measured: Mapping[str, float | None],
    limits: Limits,
    *,
    notes: Mapping[str, str],
    head: str = "",
    advised: str = "macro_f1",
) -> list[Check]:
    """Holds measurements against bounds; with no bound at all the one check there is fails.

    Args:
        measured: value by metric name.
        limits: bounds.
        notes: what to add to a metric's message (which label is the lowest).
        head: what the metrics are of; empty if there is one head only.
        advised: the metric that a user without bounds is told of.
    """
    configured = {name: limit for name, limit in limits.items() if limit is not None}
    if not configured:
        message = (
            f"no quality threshold is configured: set at least evaluator.thresholds.{advised} to the lowest value "
            "that you would release"
        )
        return [Check("thresholds", None, None, False, message)]
    return [_absolute_check(name, measured, limit, notes, head) for name, limit in configured.items()]


def _absolute_check(
    name: str, measured: Mapping[str, float | None], limit: float, notes: Mapping[str, str], head: str
) -> Check:
    metric, is_most = name.removeprefix(_MAX), name.startswith(_MAX)
    value = measured.get(metric)
    check = (Check.at_most if is_most else Check.at_least)(name, value, limit, "")
    shown = f"is {value:.3f}" if value is not None and np.isfinite(value) else "could not be measured"
    kept, broken = ("at most", "above the allowed") if is_most else ("at least", "below the required")
    note = f" ({notes[metric]})" if metric in notes else ""
    message = f"{_words(metric, head)} {shown}{note}, {kept if check.passed else broken} {limit:.3f}"
    return Check(_name(name, head), value, limit, check.passed, message)


def _words(metric: str, head: str) -> str:
    return f"{head}: {_WORDS[metric]}" if head else _WORDS[metric]


def _name(check: str, head: str) -> str:
    return f"{head}.{check}" if head else check


def change_checks(
    changes: Mapping[str, Mapping[str, float]] | None,
    limits: Limits,
    *,
    incomparable: str,
    head: str = "",
) -> list[Check]:
    """Holds the loss of quality against the baseline below its limit.

    A loss counts if it is larger than the limit and no noise, that is, if its paired interval excludes zero: a
    model retrained with another seed is not refused for the luck of the draw.

    Args:
        changes: by metric name, candidate minus baseline: `value` and the bounds `low` and `high` of its paired
            interval; None if there is nothing to compare with.
        limits: largest allowed loss by metric name; None = not checked.
        incomparable: why there is nothing to compare with (`first model`).
        head: what the metrics are of; empty if there is one head only.
    """
    return [
        _change_check(name, None if changes is None else changes[name], limit, incomparable, head)
        for name, limit in limits.items()
        if limit is not None
    ]


def _change_check(
    name: str, change: Mapping[str, float] | None, limit: float, incomparable: str, head: str
) -> Check:
    check_name, metric = _name(f"{name}_drop", head), _words(name, head)
    if change is None:
        return Check(check_name, None, limit, True, f"{metric} has no baseline: {incomparable}")
    drop = -change["value"]
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
