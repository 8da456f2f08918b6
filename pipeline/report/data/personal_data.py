"""What personal data were masked before anything was written."""

from typing import Any

from pipeline.report.collect import ReportData

__all__ = ["personal_data"]


def personal_data(data: ReportData) -> dict[str, Any] | None:
    """Masked pieces by kind, most frequent first; None if no kind was looked for."""
    if data.examples is None or not (data.examples.get("placeholders") or data.examples.get("masked")):
        return None
    masked = dict(data.examples.get("masked") or {})
    placeholders = {name.strip("[]"): name for name in data.examples.get("placeholders") or ()}
    kinds = [
        {"kind": kind, "placeholder": placeholders.get(kind, f"[{kind}]"), "count": masked.get(kind, 0)}
        for kind in {**masked, **placeholders}
    ]
    kinds.sort(key=lambda row: (-row["count"], row["kind"]))
    rows = sum(document["rows"] for document in data.examples["splits"].values())
    masked_rows = data.examples.get("masked_rows")
    return {
        "kinds": [row for row in kinds if row["count"]],
        "absent": [row["placeholder"] for row in kinds if not row["count"]],
        "largest": max((row["count"] for row in kinds), default=0) or 1,
        "total": sum(row["count"] for row in kinds),
        "rows": masked_rows,
        "share": masked_rows / rows if rows and masked_rows is not None else None,
    }
