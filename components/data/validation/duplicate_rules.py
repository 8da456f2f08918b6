"""What duplicates mean: answers that leak from one split into another, and labels that conflict."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from components.core import features
from components.data.validation.anomalies import AnomalyType, Finding

__all__ = ["check_conflicts", "check_leakage", "check_moved", "why_empty"]

_MAX_SHOWN_CHARACTERS = 80
_MAX_SIZE_CHANGE = 0.25
"""Share of a split's rows by which it may grow or shrink so that duplicates stay together."""


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


def check_moved(duplicates: Mapping[str, Any] | None, *, min_examples: int) -> list[Finding]:
    """Splits of other sizes than configured, as rows were moved to the split of equal or nearly equal texts.

    Args:
        duplicates: as in ExampleGen's `summary.json`; None if they were not looked for.
        min_examples: fewest rows of a split that is not too small to say so.
    """
    duplicates = duplicates or {}
    found = []
    for split, dealt in duplicates.get("rows_dealt", {}).items():
        together = duplicates["rows_together"][split]
        if (
            together
            and max(dealt, together) >= min_examples
            and abs(together - dealt) > _MAX_SIZE_CHANGE * dealt
        ):
            message = (
                f"{together:,} rows in place of the {dealt:,} that were dealt to it: {_moved(duplicates)}"
            )
            found.append(Finding(split, "", "SPLIT_SIZE_CHANGED", message))
    return found


def why_empty(duplicates: Mapping[str, Any] | None, split: str) -> str:
    """How duplicates left a split without examples, and what to do; empty if it was not they."""
    duplicates = duplicates or {}
    dealt = duplicates.get("rows_dealt", {}).get(split, 0)
    if not dealt or duplicates["rows_together"][split]:
        return ""
    return f"all {dealt:,} rows of this split were moved: {_moved(duplicates)}"


def _moved(duplicates: Mapping[str, Any]) -> str:
    advice = "see duplicates.jsonl of ExampleGen's examples"
    if duplicates["near_looked_for"]:
        advice += (
            f", and raise `example_gen.duplicates.similarity` (now {duplicates['similarity']:g}) or set "
            "`example_gen.duplicates.near: false` if they need not stay together"
        )
    return (
        f"equal and nearly equal texts stay in one split, and the largest group of them has "
        f"{duplicates['largest_group']:,} rows; {advice}"
    )


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
