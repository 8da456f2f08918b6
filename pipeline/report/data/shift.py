"""Where the shares of labels differ between the splits, by more than chance."""

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

from pipeline.report.collect import ReportData

__all__ = ["difference_interval", "distances", "share_interval", "shift"]

_CONFIDENCE = 0.95
_SHOWN = 10


def shift(data: ReportData) -> dict[str, Any] | None:
    """Every other split against the leading one: `labels` by difference, largest first, and distances.

    The intervals hold for all labels of a split at once (Bonferroni), so that an interval without zero means something
    among dozens of labels, too.
    """
    splits = {
        name: document
        for name, document in ((data.statistics or {}).get("splits") or {}).items()
        if document["rows"] and document.get("label_counts")
    }
    if len(splits) < 2:
        return None
    leading, *others = splits
    comparisons = [_compare(splits[leading], splits[name], name) for name in others]
    widest = max(
        (max(abs(row["low"]), abs(row["high"])) for each in comparisons for row in each["labels"]),
        default=0.0,
    )
    return {
        "leading": leading,
        "comparisons": comparisons,
        "shown": _SHOWN,
        "scale": widest or 1.0,
        "checked": data.anomalies is not None,
        "found": [found for found in data.anomalies or () if _is_comparison(str(found["type"]))],
    }


def _is_comparison(kind: str) -> bool:
    return kind.startswith("COMPARATOR_") or kind.endswith("_SHIFT")


def _compare(first: Mapping[str, Any], second: Mapping[str, Any], name: str) -> dict[str, Any]:
    labels = list(first["label_counts"])
    counts = [[document["label_counts"].get(label, 0) for label in labels] for document in (first, second)]
    confidence = 1 - (1 - _CONFIDENCE) / max(1, len(labels))
    rows = [
        _row(label, (before, first["rows"]), (now, second["rows"]), confidence)
        for label, before, now in zip(labels, *counts, strict=True)
    ]
    rows.sort(key=lambda row: (not row["certain"], -abs(row["difference"]), row["label"]))
    return {
        "split": name,
        "labels": rows,
        "certain": sum(row["certain"] for row in rows),
        **distances(*counts),
    }


def _row(label: str, before: tuple[int, int], now: tuple[int, int], confidence: float) -> dict[str, Any]:
    low, high = difference_interval(before, now, confidence=confidence)
    return {
        "label": label,
        "before": before[0] / before[1],
        "now": now[0] / now[1],
        "difference": now[0] / now[1] - before[0] / before[1],
        "low": low,
        "high": high,
        "certain": low > 0 or high < 0,
    }


def difference_interval(
    before: tuple[int, int], now: tuple[int, int], *, confidence: float
) -> tuple[float, float]:
    """Interval of the difference of two independent shares, now - before (Newcombe 1998, method 10).

    Args:
        before: how many, and of how many (at least one).
        now: likewise.
        confidence: 0-1.
    """
    share, new_share = before[0] / before[1], now[0] / now[1]
    low, high = share_interval(*before, confidence=confidence)
    new_low, new_high = share_interval(*now, confidence=confidence)
    difference = new_share - share
    return (
        difference - math.hypot(new_share - new_low, high - share),
        difference + math.hypot(new_high - new_share, share - low),
    )


def share_interval(count: int, total: int, *, confidence: float) -> tuple[float, float]:
    """Score interval of a share (Wilson 1927).

    Args:
        count: how many.
        total: of how many, at least one.
        confidence: 0-1.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = count / total
    shrink = 1 + z * z / total
    centre = (share + z * z / (2 * total)) / shrink
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / shrink
    return centre - half, centre + half


def distances(first: Sequence[int], second: Sequence[int]) -> dict[str, float | None]:
    """L-infinity distance and Jensen-Shannon divergence (base 2) of label counts, each divided by its sum."""
    if not (sum(first) and sum(second)):
        return {"l_infinity": None, "jensen_shannon": None}
    p, q = ([count / sum(counts) for count in counts] for counts in (first, second))
    middle = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    return {
        "l_infinity": max(abs(a - b) for a, b in zip(p, q, strict=True)),
        "jensen_shannon": max(0.0, (_divergence(p, middle) + _divergence(q, middle)) / 2),
    }


def _divergence(p: Sequence[float], q: Sequence[float]) -> float:
    return sum(a * math.log2(a / b) for a, b in zip(p, q, strict=True) if a)
