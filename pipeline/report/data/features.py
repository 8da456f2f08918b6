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
    rows: list[dict[str, Any]] = [
        {"split": split, **by_name[name], "unique_95": _unique_interval(data, split, name)}
        for split, by_name in data.features.items()
        if name in by_name
    ]
    shown = next((row for row in rows if row["present"]), rows[0])
    return {
        "name": name,
        "type": shown["type"],
        "numeric": shown["numeric"],
        "rows": rows,
        "leading": shown["split"],
        "top": shown["top"],
        "largest": max((value["count"] for value in shown["top"]), default=0) or 1,
        "all_different": bool(shown["unique"]) and shown["unique"] == shown["values"] and shown["unique"] > 1,
        "charts": [
            {"name": bars["name"], "chart": histogram(bars["edges"], bars["counts"])}
            for bars in shown["histograms"]
        ],
    }


def _unique_interval(data: ReportData, split: str, name: str) -> list[int] | None:
    """Between which numbers that of different values lies, if there were too many to count; None if it is exact."""
    document = ((data.statistics or {}).get("splits") or {}).get(split) or {}
    return ((document.get("approximations") or {}).get(name) or {}).get("unique_95")
