"""Texts that stand in the data more than once: within a split, across splits, and with labels that disagree."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.report.collect import ReportData
from pipeline.report.data.differences import differing_words

__all__ = ["duplicates"]

_PAIRS_SHOWN = 3
_CONFLICTS_SHOWN = 6


def duplicates(data: ReportData) -> dict[str, Any] | None:
    """What ExampleGen found; None if it did not look."""
    found = (data.examples or {}).get("duplicates")
    if not found:
        return None
    near = found.get("near_looked_for", True)
    across = [_pair_of_splits(entry) for entry in found.get("across_splits") or ()]
    across.sort(key=lambda pair: pair["splits"][0] != "train")
    within = found.get("within_splits") or {}
    return {
        "policy": found.get("policy"),
        "near": near,
        "similarity": found.get("similarity"),
        "min_words": found.get("min_words"),
        "kinds": [
            {"name": name, "detail": detail, **(found.get(key) or {})}
            for key, name, detail in (
                ("exact", "Equal", "but for case and white space"),
                ("near", "Nearly equal", "groups with at least two different texts"),
            )
            if found.get(key) and (key != "near" or near)
        ],
        "within": {split: within[split] for split in sorted(within, key=lambda name: name != "train")},
        "across": across,
        "leaked": sum(entry["groups"] for entry in across),
        "conflicts": _conflicts(found.get("conflicts")),
        "dropped": {split: count for split, count in (found.get("dropped") or {}).items() if count},
        "moved": found.get("moved") or 0,
    }


def _pair_of_splits(entry: Mapping[str, Any]) -> dict[str, Any]:
    rows: Sequence[int | None] = entry.get("rows") or (None, None)
    order = -1 if entry["splits"][1] == "train" else 1
    return {
        "splits": entry["splits"][::order],
        "groups": entry.get("groups", 0),
        "exact_groups": entry.get("exact_groups"),
        "rows": list(zip(entry["splits"], rows, strict=True))[::order],
        "examples": [
            _example(example["texts"][:2][::order], example.get("similarity"))
            for example in (entry.get("examples") or ())[:_PAIRS_SHOWN]
        ],
    }


def _example(texts: Sequence[str], similarity: float | None) -> dict[str, Any]:
    first, second = texts
    return {"texts": differing_words(first, second), "alike": _alike(first == second, similarity)}


def _alike(equal: bool, similarity: float | None) -> str:
    if equal:
        return "equal"
    if similarity is None:
        return "alike"
    return "same words" if similarity == 1 else f"{100 * similarity:.0f} % alike"


def _conflicts(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not found or not found.get("groups"):
        return None
    return {
        "groups": found["groups"],
        "rows": found.get("rows"),
        "examples": [_conflict(example) for example in (found.get("examples") or ())[:_CONFLICTS_SHOWN]],
    }


def _conflict(example: Mapping[str, Any]) -> dict[str, Any]:
    """Label sets side by side, each label with whether all of the sets have it."""
    sets = example.get("labels") or []
    shared = set.intersection(*map(set, sets)) if sets else set()
    return {
        "text": example["text"],
        "labels": [[{"name": label, "shared": label in shared} for label in labels] for labels in sets],
    }
