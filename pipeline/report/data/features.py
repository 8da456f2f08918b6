"""Every feature of the records, split by split."""

from typing import Any

from pipeline.report.charts import histogram
from pipeline.report.collect import ReportData

__all__ = ["features"]


def features(data: ReportData) -> dict[str, Any] | None:
    """By feature: its type, one row of figures a split, and the values of the first split that has any."""
    if not data.features:
        return None
    names = dict.fromkeys(name for by_name in data.features.values() for name in by_name)
    return {"features": [_feature(name, data) for name in names]}


def _feature(name: str, data: ReportData) -> dict[str, Any]:
    rows = [{"split": split, **by_name[name]} for split, by_name in data.features.items() if name in by_name]
    shown = next((row for row in rows if row["present"]), rows[0])
    bars = shown["histogram"]
    return {
        "name": name,
        "type": shown["type"],
        "numeric": shown["numeric"],
        "rows": rows,
        "leading": shown["split"],
        "top": shown["top"],
        "largest": max((value["count"] for value in shown["top"]), default=0) or 1,
        "all_different": bool(shown["unique"]) and shown["unique"] == shown["values"] and shown["unique"] > 1,
        "chart": histogram(bars["edges"], bars["counts"]) if bars else None,
        "chart_name": shown["histogram_name"],
    }
