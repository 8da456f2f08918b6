"""How far the people who gave the labels agree."""

from typing import Any

from pipeline.report.collect import ReportData

__all__ = ["annotators"]

_SCALE = ((0.8, "reliable"), (0.667, "tentative"), (float("-inf"), "low"))
"""Krippendorff, Content Analysis (2004), p. 241: rely on 0.800 and more, conclude tentatively from 0.667 on."""


def annotators(data: ReportData) -> dict[str, Any] | None:
    """Agreement by split, and for each label of the leading one its share of votes and its disagreement."""
    splits = {
        split: document["annotators"]
        for split, document in ((data.statistics or {}).get("splits") or {}).items()
        if document.get("annotators")
    }
    if not splits:
        return None
    leading, first = next(iter(splits.items()))
    by_label = [
        {"label": label, "votes": entry.get("share_of_votes"), "disagreement": entry.get("disagreement")}
        for label, entry in (first.get("by_label") or {}).items()
    ]
    by_label.sort(key=lambda row: (-(row["disagreement"] or 0.0), row["label"]))
    return {
        "leading": leading,
        "splits": [
            {
                "split": split,
                "texts": found.get("texts"),
                "votes": found.get("raters"),
                "mean_disagreement": found.get("mean_disagreement"),
                "alpha": found.get("krippendorff_alpha"),
                "reliability": _reliability(found.get("krippendorff_alpha")),
            }
            for split, found in splits.items()
        ],
        "labels": by_label,
        "largest": max((row["disagreement"] or 0.0 for row in by_label), default=0.0) or 1.0,
    }


def _reliability(alpha: float | None) -> str | None:
    return None if alpha is None else next(word for lowest, word in _SCALE if alpha >= lowest)
