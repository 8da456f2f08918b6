"""Whether scores are probabilities: of the texts that get 0.7, do 70 % have the label?"""

from collections.abc import Mapping
from typing import Any

from pipeline.report.data.shift import share_interval
from pipeline.report.plots import draw

__all__ = ["calibration"]

_METHODS = {
    "none": "The scores are as the model gives them.",
    "temperature": "The scores were scaled by one temperature, fitted on validation data.",
    "platt": "The scores of each label went through Platt scaling, fitted on validation data.",
}
_SIZE = 380
_CONFIDENCE = 0.95


def calibration(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """Of a head: `figures`, the `chart`, its `bins` in numbers and the `labels`, worst first; None if not measured."""
    found = document.get("calibration")
    if not found:
        return None
    before = found.get("before") or {}
    bins = _filled(found)
    figures = [
        {"title": title, **figure, "before": (before.get(key) or {}).get("value")}
        for key, title in (("ece", "Expected calibration error"), ("brier", "Brier score"))
        if (figure := found.get(key))
    ]
    return {
        "method": _METHODS.get(found.get("method") or "none", f"Method: {found.get('method')}."),
        "figures": figures,
        "scaled": bool(before),
        "bins": bins,
        "chart": _chart(bins, _filled(before)) if bins else None,
        "labels": sorted(found.get("labels") or (), key=lambda row: (-(row["ece"] or 0.0), row["label"])),
    }


def _filled(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [bin_ | _bounds(bin_) for bin_ in found.get("bins") or () if bin_["count"]]


def _bounds(bin_: Mapping[str, Any]) -> dict[str, Any]:
    low, high = share_interval(round(bin_["share"] * bin_["count"]), bin_["count"], confidence=_CONFIDENCE)
    told = (
        f"scores {bin_['low']:.2f} to {bin_['high']:.2f}, {bin_['mean_score']:.3f} on average: "
        f"{100 * bin_['share']:.1f} % of {bin_['count']:,} have the label"
    )
    return {"share_low": low, "share_high": high, "told": told}


def _chart(bins: list[dict[str, Any]], before: list[dict[str, Any]]) -> Any:
    axis = {"values": [0, 0.25, 0.5, 0.75, 1], "format": ".2~f"}
    scale = {"domain": [0, 1]}
    x = {"field": "mean_score", "type": "quantitative", "scale": scale, "title": None, "axis": axis}
    y = {"field": "share", "type": "quantitative", "scale": scale, "title": "have the label", "axis": axis}
    told = {"description": {"field": "told"}}
    curve = {
        "width": _SIZE,
        "height": 260,
        "layer": [
            {
                "data": {"values": [{"at": 0}, {"at": 1}]},
                "mark": {"type": "line", "stroke": "var(--muted)", "strokeDash": [4, 4], "strokeWidth": 1.5},
                "encoding": {
                    "x": {"field": "at", "type": "quantitative"},
                    "y": {"field": "at", "type": "quantitative"},
                    "description": {"value": "perfectly calibrated"},
                },
            },
            {
                "mark": {"type": "rule", "stroke": "var(--bar)", "strokeWidth": 5},
                "encoding": {"x": x, "y": y | {"field": "share_low"}, "y2": {"field": "share_high"}} | told,
            },
            {
                "data": {"values": before},
                "mark": {"type": "line", "stroke": "var(--plot-2)", "strokeDash": [6, 3], "strokeWidth": 1.8},
                "encoding": {"x": x, "y": y, "description": {"value": "before scaling"}},
            },
            {
                "mark": {"type": "line", "stroke": "var(--accent)", "strokeWidth": 2},
                "encoding": {"x": x, "y": y, "description": {"value": "measured"}},
            },
            {
                "mark": {
                    "type": "point",
                    "filled": True,
                    "fill": "var(--surface)",
                    "stroke": "var(--accent)",
                    "strokeWidth": 2,
                    "size": 46,
                    "opacity": 1,
                },
                "encoding": {"x": x, "y": y} | told,
            },
        ],
    }
    counts = {
        "width": _SIZE,
        "height": 48,
        "mark": {"type": "bar", "fill": "var(--bar)"},
        "encoding": {
            "x": {"field": "low", "type": "quantitative", "scale": scale, "title": "score", "axis": axis},
            "x2": {"field": "high"},
            "y": {
                "field": "count",
                "type": "quantitative",
                "title": "scores",
                # Most scores of most labels are near 0: on a linear scale nothing else would be seen.
                "scale": {"type": "log", "domainMin": 0.5},
                "axis": {"format": "~s", "tickCount": 3, "grid": False},
            },
            "y2": {"datum": 0.5},
        }
        | told,
    }
    spec = {"data": {"values": bins}, "vconcat": [curve, counts], "spacing": 14}
    label = (
        f"Reliability curve of {len(bins)} bins: mean score against the share that has the label, "
        "with the number of scores in each bin; the figures are in the table"
    )
    return draw(spec, label=label)
