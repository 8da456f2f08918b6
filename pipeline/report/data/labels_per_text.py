"""How many labels a text has."""

from collections.abc import Mapping
from typing import Any

from pipeline.report.charts import share_strip
from pipeline.report.collect import ReportData

__all__ = ["labels_per_text"]

_MOST = 4
"""Texts with this many labels or more are counted together."""


def labels_per_text(data: ReportData) -> dict[str, Any] | None:
    """One strip of shares a split (`splits`), over the numbers of labels in `names`."""
    counted = {
        split: _gathered(document["labels_per_text"])
        for split, document in ((data.statistics or {}).get("splits") or {}).items()
        if document.get("labels_per_text")
    }
    if not counted:
        return None
    numbers = [number for number in range(_MOST + 1) if any(counts[number] for counts in counted.values())]
    return {
        "names": [_name(number) for number in numbers],
        "splits": [
            {
                "split": split,
                "counts": [counts[number] for number in numbers],
                "strip": share_strip([counts[number] for number in numbers]),
                "mean": _mean((data.statistics or {})["splits"][split]["labels_per_text"]),
            }
            for split, counts in counted.items()
        ],
    }


def _gathered(by_number: Mapping[str, int]) -> list[int]:
    counts = [0] * (_MOST + 1)
    for number, texts in by_number.items():
        counts[min(int(number), _MOST)] += texts
    return counts


def _mean(by_number: Mapping[str, int]) -> float:
    total = sum(by_number.values())
    return sum(int(number) * texts for number, texts in by_number.items()) / total if total else 0.0


def _name(number: int) -> str:
    return {0: "none", 1: "1 label", _MOST: f"{_MOST} or more"}.get(number, f"{number} labels")
