"""What the model does to texts that were changed on purpose, and to groups of people."""

from collections.abc import Mapping
from typing import Any

__all__ = ["fairness", "robustness"]

_GROUPS_SHOWN = 12
_MORE_SHOWN = 60


def robustness(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """The tests, those that fail most first, their `failure_rate` in all, and what was `skipped`; None without any."""
    found = metrics.get("robustness") or {}
    tests = found.get("tests")
    if not tests:
        return None
    ranked = sorted(tests, key=lambda test: (-(test["failure_rate"]["value"] or 0.0), test["name"]))
    return {
        "tests": ranked,
        "failure_rate": found.get("failure_rate"),
        "skipped": found.get("skipped") or [],
    }


def fairness(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """Gaps by group and output, the widest first (`groups`, then `more`), on a common `scale`; None without any.

    A gap is `certain` if its interval leaves out zero.
    """
    found = metrics.get("fairness") or {}
    groups = [_row(row) for row in found.get("groups") or () if row["gap"]["value"] is not None]
    if not groups:
        return None
    groups.sort(key=lambda row: (-abs(row["gap"]["value"]), row["attribute"], row["group"], row["output"]))
    return {
        "groups": groups[:_GROUPS_SHOWN],
        "more": groups[_GROUPS_SHOWN : _GROUPS_SHOWN + _MORE_SHOWN],
        "left_out": max(0, len(groups) - _GROUPS_SHOWN - _MORE_SHOWN),
        "scale": max(abs(bound) for row in groups for bound in (row["gap"]["low"], row["gap"]["high"]))
        or 1.0,
        "largest": found.get("largest_gap"),
        "comparisons": found.get("comparisons", len(groups)),
        "skipped": found.get("skipped") or [],
        "attributes": list(dict.fromkeys(row["attribute"] for row in groups)),
    }


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    gap = row["gap"]
    low, high = (gap["value"] if gap[bound] is None else gap[bound] for bound in ("low", "high"))
    return {**row, "gap": {"value": gap["value"], "low": low, "high": high}, "certain": low > 0 or high < 0}
