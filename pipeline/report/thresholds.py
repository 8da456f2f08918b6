"""What another threshold of a label would give."""

from collections.abc import Mapping
from typing import Any

from pipeline.report.plots import draw_facets

__all__ = ["threshold_sweep"]

_LABELS_SHOWN = 40

CURVES = {
    "f1": {"name": "F1", "color": "var(--accent)", "dash": [], "width": 2.5},
    "precision": {"name": "precision", "color": "var(--plot-2)", "dash": [6, 3], "width": 1.8},
    "recall": {"name": "recall", "color": "var(--plot-3)", "dash": [1.5, 2.5], "width": 2},
}
"""Colour and dashes of each figure: either alone tells them apart."""


def threshold_sweep(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """One panel a label, in order of support: `label`, `tuned`, `best` (point of the highest F1) and `chart`."""
    swept = {row["label"]: row["points"] for row in document.get("threshold_sweep") or () if row["points"]}
    tuned = {row["label"]: row.get("threshold") for row in document.get("labels") or ()}
    support = {row["label"]: row["support"] for row in document.get("labels") or ()}
    order = sorted(swept, key=lambda label: (-support.get(label, 0), label))
    shown = order[:_LABELS_SHOWN]
    if not shown:
        return None
    panels = [
        {
            "label": label,
            "tuned": tuned.get(label),
            "best": max(swept[label], key=lambda point: point["f1"] or 0.0),
        }
        for label in shown
    ]
    values = [
        {
            "panel": at,
            "threshold": point["threshold"],
            "curve": curve,
            "value": point[curve],
            "tuned": tuned.get(label),
        }
        for at, label in enumerate(shown)
        for curve in CURVES
        for point in swept[label]
    ]
    charts = draw_facets(_spec(values), labels=[_told(panel) for panel in panels])
    return {
        "curves": CURVES,
        "panels": [panel | {"chart": chart} for panel, chart in zip(panels, charts, strict=True)],
        "left_out": len(order) - len(shown),
    }


def _told(panel: Mapping[str, Any]) -> str:
    best = panel["best"]
    told = f"{panel['label']}: highest F1 {best['f1'] or 0.0:.3f} at threshold {best['threshold']:.2f}"
    return told if panel["tuned"] is None else f"{told}; tuned threshold {panel['tuned']:.3f}"


def _spec(values: list[dict[str, Any]]) -> dict[str, Any]:
    axis = {"values": [0, 0.5, 1], "format": ".1~f", "title": None}
    scale = {"domain": [0, 1]}
    styles = list(CURVES.values())

    def by_curve(key: str) -> dict[str, Any]:
        scale = {"domain": list(CURVES), "range": [style[key] for style in styles]}
        return {"field": "curve", "type": "nominal", "legend": None, "scale": scale}

    lines = {
        "mark": {"type": "line"},
        "encoding": {
            "x": {"field": "threshold", "type": "quantitative", "scale": scale, "axis": axis},
            "y": {"field": "value", "type": "quantitative", "scale": scale, "axis": axis},
            "color": by_curve("color"),
            "strokeDash": by_curve("dash"),
            "strokeWidth": by_curve("width"),
            "description": {"field": "curve"},
        },
    }
    tuned = {
        "mark": {"type": "rule", "stroke": "var(--text)", "strokeWidth": 1.5},
        "encoding": {
            "x": {"field": "tuned", "type": "quantitative", "aggregate": "min"},
            "description": {"value": "tuned threshold"},
        },
    }
    return {
        "data": {"values": values},
        "facet": {"row": {"field": "panel", "title": None, "header": {"labels": False}}},
        "resolve": {"axis": {"x": "independent", "y": "independent"}},
        "spec": {"width": 168, "height": 84, "layer": [lines, tuned]},
    }
