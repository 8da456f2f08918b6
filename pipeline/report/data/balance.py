"""How often each label occurs in each split."""

from typing import Any

from pipeline.report.collect import ReportData

__all__ = ["RARE_SHARE", "balance"]

RARE_SHARE = 0.01
"""A label in fewer of the training texts than this share (0-1) is called rare: its F1 rests on few examples, and a
random batch of 64 holds it less often than not."""


def balance(data: ReportData) -> dict[str, Any] | None:
    """The labels, most frequent in the leading split (train, if there is one) first.

    Each has `label`, `rare`, `share` (of the leading split's texts) and by split `counts` and `shares`.
    """
    splits = (data.statistics or {}).get("splits") or {}
    leading = next(iter(splits), None)
    if leading is None:
        return None
    rows = {split: document["rows"] for split, document in splits.items()}
    counts = {split: document.get("label_counts") or {} for split, document in splits.items()}
    labels = [_label(label, leading, rows, counts) for label in counts[leading]]
    labels.sort(key=lambda row: (-row["counts"][leading], row["label"]))
    if not labels:
        return None
    return {
        "leading": leading,
        "splits": list(splits),
        "labels": labels,
        "rare": [row["label"] for row in labels if row["rare"]],
        "rare_share": RARE_SHARE,
        "largest_share": labels[0]["share"] or 1.0,
        "ratio": _ratio([row["counts"][leading] for row in labels]),
    }


def _label(
    label: str, leading: str, rows: dict[str, int], counts: dict[str, dict[str, int]]
) -> dict[str, Any]:
    own = {split: counts[split].get(label, 0) for split in rows}
    shares = {split: own[split] / rows[split] if rows[split] else 0.0 for split in rows}
    return {
        "label": label,
        "counts": own,
        "shares": shares,
        "share": shares[leading],
        "rare": shares[leading] < RARE_SHARE,
    }


def _ratio(counts: list[int]) -> float | None:
    """How many times as often the most frequent label occurs as the rarest; None if one never occurs."""
    return max(counts) / min(counts) if min(counts) else None
