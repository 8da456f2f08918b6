"""Is a label weak because it is rare?"""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.report.plots import draw

__all__ = ["support_chart"]

_FEWEST = 4
"""Labels below which a table tells as much."""

_NAMED = 5
"""Labels whose names stand in the chart: the weakest."""

_NAME_HEIGHT = 0.05
"""Of a name, in F1."""


def support_chart(document: Mapping[str, Any]) -> Any:
    """F1 with its interval over the number of texts of every label that occurs; None for few labels."""
    rows = [
        _point(row)
        for row in document.get("labels") or ()
        if row["support"] and row["f1"]["value"] is not None
    ]
    if len(rows) < _FEWEST:
        return None
    weakest = _apart(sorted(rows, key=lambda row: (row["f1"], row["label"]))[:_NAMED])
    return draw(_spec(rows, weakest), label=_told(rows, weakest))


def _point(row: Mapping[str, Any]) -> dict[str, Any]:
    f1 = row["f1"]
    interval = "" if f1["low"] is None else f" ({f1['low']:.3f} to {f1['high']:.3f})"
    return {
        "label": row["label"],
        "support": row["support"],
        "f1": f1["value"],
        "low": f1["low"],
        "high": f1["high"],
        "told": f"{row['label']}: F1 {f1['value']:.3f}{interval}, {row['support']:,} texts",
    }


def _apart(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows by ascending F1, each with the height `at` of its name: names do not stand upon each other."""
    apart: list[dict[str, Any]] = []
    for row in rows:
        lowest = apart[-1]["at"] + _NAME_HEIGHT if apart else 0.0
        apart.append({**row, "at": max(row["f1"], lowest)})
    return apart


def _told(rows: Sequence[Mapping[str, Any]], weakest: Sequence[Mapping[str, Any]]) -> str:
    names = ", ".join(str(row["label"]) for row in weakest)
    return (
        f"F1 of {len(rows)} labels over their number of texts; weakest: {names}. The figures are in the table"
    )


def _spec(rows: Sequence[Mapping[str, Any]], weakest: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    x = {
        "field": "support",
        "type": "quantitative",
        "title": "texts with the label",
        "scale": {"type": "log", "nice": False, "padding": 12},
        "axis": {"format": "~s", "values": [number * 10**power for power in range(8) for number in (1, 3)]},
    }
    y = {"field": "f1", "type": "quantitative", "title": "F1", "scale": {"domain": [0, 1]}}
    told = {"description": {"field": "told"}}
    return {
        "width": 390,
        "height": 282,
        "data": {"values": rows},
        "layer": [
            {
                "mark": {"type": "rule", "stroke": "var(--bar)", "strokeWidth": 2},
                "encoding": {"x": x, "y": y | {"field": "low"}, "y2": {"field": "high"}} | told,
            },
            {
                "mark": {"type": "point", "filled": True, "fill": "var(--accent)", "size": 42, "opacity": 1},
                "encoding": {"x": x, "y": y} | told,
            },
            {
                "data": {"values": weakest},
                "mark": {
                    "type": "text",
                    "fill": "var(--text)",
                    "fontSize": 12,
                    "align": "left",
                    "dx": 8,
                    "dy": 4,
                },
                "encoding": {"x": x, "y": y | {"field": "at"}, "text": {"field": "label"}},
            },
        ],
    }
