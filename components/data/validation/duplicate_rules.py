"""What duplicates mean: answers that leak from one split into another, and labels that conflict."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from components.core import features
from components.data.validation.anomalies import AnomalyType, Finding

__all__ = ["check_conflicts", "check_leakage"]

_MAX_SHOWN_CHARACTERS = 80


def check_leakage(
    duplicates: Mapping[str, Any] | None, rows: Mapping[str, int], *, max_share: float
) -> list[Finding]:
    """Texts that stand in two splits, equal or nearly so, so that one split knows answers of the other.

    Args:
        duplicates: as in ExampleGen's `summary.json`, of the rows that stayed; None if they were not looked for.
        rows: number of examples by split.
        max_share: share (0-1) of the rows of the split that knows too much, never train, up to which nothing is
            said.
    """
    found: list[Finding] = []
    for pair in (duplicates or {}).get("across_splits", ()):
        if pair["splits"][1] == "train":
            pair = {**pair, "splits": pair["splits"][::-1], "rows": pair["rows"][::-1]}
        second = pair["splits"][1]
        if rows.get(second) and pair["rows"][1] / rows[second] > max_share:
            found += [Finding(second, features.TEXT, kind, message) for kind, message in _leaks(pair, rows)]
    return found


def _leaks(pair: Mapping[str, Any], rows: Mapping[str, int]) -> Iterator[tuple[AnomalyType, str]]:
    (first, second), exact = pair["splits"], pair["exact_groups"]
    near = pair["groups"] - exact
    share = f"{pair['rows'][1]:,} rows of {second} in all, {pair['rows'][1] / rows[second]:.1%}"
    advice = "set `example_gen.duplicates.policy` to `drop`, or have the rows dealt by hash"
    if exact:
        known = _quote(pair["examples"], exact=True)
        yield "TEXT_IN_TWO_SPLITS", f"{exact:,} texts stand in {first}, too ({share}{known}); {advice}"
    if near:
        known = _quote(pair["examples"], exact=False)
        yield (
            "NEAR_DUPLICATE_IN_TWO_SPLITS",
            f"{near:,} groups of nearly equal texts stand in {first}, too ({share}{known}); {advice}",
        )


def _quote(examples: Sequence[Mapping[str, Any]], *, exact: bool) -> str:
    """The first example of the kind: exact ones are equal to each other."""
    for example in examples:
        first, second = example["texts"]
        if (example.get("similarity", 1) >= 1) == exact:
            shown = repr(first[:_MAX_SHOWN_CHARACTERS])
            return f"; one is {shown}" if exact else f"; one is {shown} / {second[:_MAX_SHOWN_CHARACTERS]!r}"
    return ""


def check_conflicts(
    duplicates: Mapping[str, Any] | None, rows: Mapping[str, int], *, max_share: float
) -> list[Finding]:
    """Equal texts with different labels: whatever the model answers, it is wrong on some of them.

    Args:
        duplicates: as in ExampleGen's `summary.json`; None if they were not looked for.
        rows: number of examples by split.
        max_share: share (0-1) of all rows up to which nothing is said.
    """
    conflicts = (duplicates or {}).get("conflicts") or {}
    total = sum(rows.values())
    if not total or conflicts.get("rows", 0) / total <= max_share:
        return []
    count, groups = conflicts["rows"], conflicts["groups"]
    message = (
        f"{count:,} rows ({count / total:.1%}, limit {max_share:.1%}) hold {groups:,} texts that stand elsewhere with "
        f"other labels{_quote_conflict(conflicts.get('examples', ()))}; have them annotated anew, or merge their labels"
    )
    return [Finding(next(iter(rows)), features.LABELS, "CONFLICTING_LABELS", message)]


def _quote_conflict(examples: Sequence[Mapping[str, Any]]) -> str:
    if not examples:
        return ""
    labels = " and ".join("+".join(given) or "none" for given in examples[0]["labels"][:2])
    return f" (one is {examples[0]['text'][:_MAX_SHOWN_CHARACTERS]!r}: {labels})"
