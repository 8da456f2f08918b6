"""What the texts are written in: scripts, languages and emoji."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.report.collect import ReportData
from pipeline.report.data.language_names import language_name

__all__ = ["writing"]

_SHOWN = 8
_SELDOM = 0.001
"""What no split has in this share (0-1) of its texts is gathered: of languages, it is mostly wrong guesses."""


def writing(data: ReportData) -> dict[str, Any] | None:
    """Tables of shares by split: `scripts`, `languages` (of a sample) and `emoji`; None for what was not counted."""
    splits = (data.statistics or {}).get("splits") or {}
    scripts = _shares(splits, lambda document: document.get("scripts"))
    languages = _shares(splits, lambda document: (document.get("languages") or {}).get("counts"))
    for row in languages["rows"] if languages else ():
        row["name"] = language_name(row["name"])
    emoji = _emoji(splits)
    if not (scripts or languages or emoji):
        return None
    samples = {
        split: document["languages"]["sample"]
        for split, document in splits.items()
        if (document.get("languages") or {}).get("sample")
    }
    return {"scripts": scripts, "languages": languages, "samples": samples, "emoji": emoji}


def _shares(
    splits: Mapping[str, Any], counts_of: Callable[[Mapping[str, Any]], Mapping[str, int] | None]
) -> dict[str, Any] | None:
    """One row a value, most frequent in any split first, the seldom ones gathered in a last row."""
    counted = {split: dict(counts) for split, document in splits.items() if (counts := counts_of(document))}
    if not counted:
        return None
    leading = next(iter(counted))
    totals = {split: sum(counts.values()) for split, counts in counted.items()}
    names = {name for counts in counted.values() for name in counts}
    ranked = sorted(names, key=lambda name: (-_largest_share(name, counted, totals), name))
    shown = sum(_largest_share(name, counted, totals) >= _SELDOM for name in ranked[:_SHOWN])
    rows = [_row(name, [name], counted, totals) for name in ranked[:shown]]
    if rest := ranked[shown:]:
        rows.append(_row(f"{len(rest)} more" if len(rest) > 1 else rest[0], rest, counted, totals))
    return {"leading": leading, "splits": list(counted), "rows": rows}


def _largest_share(name: str, counted: Mapping[str, Mapping[str, int]], totals: Mapping[str, int]) -> float:
    return max(own.get(name, 0) / totals[split] if totals[split] else 0.0 for split, own in counted.items())


def _row(
    name: str, members: Sequence[str], counted: Mapping[str, Mapping[str, int]], totals: Mapping[str, int]
) -> dict[str, Any]:
    counts = {split: sum(own.get(member, 0) for member in members) for split, own in counted.items()}
    return {
        "name": name,
        "counts": counts,
        "shares": {split: count / totals[split] if totals[split] else 0.0 for split, count in counts.items()},
    }


def _emoji(splits: Mapping[str, Any]) -> dict[str, Any] | None:
    found = {split: document["emoji"] for split, document in splits.items() if document.get("emoji")}
    if not found:
        return None
    leading = next(iter(found))
    return {
        "leading": leading,
        "splits": [
            {"split": split, "texts": counted.get("texts"), "share": counted.get("share")}
            for split, counted in found.items()
        ],
        "top": (found[leading].get("top") or [])[: 2 * _SHOWN],
    }
