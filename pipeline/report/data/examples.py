"""A few texts as they are, so that a reader sees what the numbers are about."""

from typing import Any

from pipeline.report.collect import ReportData
from pipeline.report.data.balance import balance

__all__ = ["examples"]

_RARE_LABELS_SHOWN = 6


def examples(data: ReportData) -> dict[str, Any] | None:
    """Texts by split and, for the rarest labels first, texts of the leading split with that label."""
    if not data.sampled:
        return None
    rare = list(reversed((balance(data) or {}).get("rare", [])))
    by_label = {label: texts for label in rare if (texts := data.sampled.by_label.get(label))}
    return {
        "splits": {split: texts for split, texts in data.sampled.by_split.items() if texts},
        "rare": dict(list(by_label.items())[:_RARE_LABELS_SHOWN]),
        "searched": max(data.sampled.searched.values(), default=0),
    }
