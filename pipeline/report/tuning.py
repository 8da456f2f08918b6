"""The search for better settings: every trial, what each setting did, and which ones mattered."""

import json
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from pipeline.report.charts import scatter_chart
from pipeline.report.collect import ReportData

__all__ = ["tuning"]

_TRIALS_SHOWN = 10
_TICK_CHARACTERS = 40
"""What fits below a chart, in all its names together."""


def tuning(data: ReportData) -> dict[str, Any] | None:
    """Charts and tables of `study.json`; None without a search."""
    study = data.study
    if study is None:
        return None
    points = [point for trial in study["trials"] if (point := _point(trial, study["best"])) is not None]
    best = next(trial for trial in study["trials"] if trial["number"] == study["best"])
    states = [trial["state"] for trial in study["trials"]]
    ranked = sorted(
        (trial for trial in study["trials"] if trial["state"] == "complete"),
        key=lambda trial: -trial["metric"],
    )
    return {
        "metric": study["metric"],
        "best": best,
        "counts": {state: states.count(state) for state in ("complete", "pruned", "failed")},
        "history": scatter_chart(
            [{**point, "x": point["number"]} for point in points], curve=_best_so_far(points)
        ),
        "slices": [
            {"key": key, "chart": chart}
            for key, about in study["keys"].items()
            if (chart := _slice(key, about, points)) is not None
        ],
        "importances": sorted(study["importances"].items(), key=lambda item: -item[1]),
        "keys": list(study["keys"]),
        "trials": ranked[:_TRIALS_SHOWN],
        "failed": [trial for trial in study["trials"] if trial["state"] == "failed"],
    }


def _point(trial: Mapping[str, Any], best: int) -> dict[str, Any] | None:
    """A trial at the metric that it reached; None for one that reached none."""
    reached = trial["metric"] if trial["metric"] is not None else max(trial["epochs"], default=None)
    if reached is None:
        return None
    values = ", ".join(f"{key} {_short(value)}" for key, value in trial["values"].items())
    return {
        "number": trial["number"],
        "y": reached,
        "values": trial["values"],
        "kind": trial["state"],
        "marked": trial["number"] == best,
        "told": f"trial {trial['number']}, {trial['state']}: {reached:.4f}; {values}",
    }


def _best_so_far(points: Sequence[Mapping[str, Any]]) -> list[float]:
    """By point, the highest metric of the complete trials up to it; that of the first one before there is any."""
    complete = [point["y"] for point in points if point["kind"] == "complete"]
    heights = [point["y"] if point["kind"] == "complete" else complete[0] for point in points]
    return list(accumulate(heights, max))


def _slice(key: str, about: Mapping[str, Any], points: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The metric over the values of one setting; None if no trial has any."""
    own = [point for point in points if key in point["values"]]
    if not own:
        return None
    names = about["choices"]
    xs = [names.index(_short(point["values"][key])) if names else point["values"][key] for point in own]
    return scatter_chart(
        [{**point, "x": x} for point, x in zip(own, xs, strict=True)],
        logarithmic=about["logarithmic"],
        names=None if names is None else [_cut(name, _TICK_CHARACTERS // len(names)) for name in names],
    )


def _cut(name: str, length: int) -> str:
    return name if len(name) <= length else f"{name[: max(1, length - 1)]}…"


def _short(value: Any) -> str:
    """As the Tuner writes choices."""
    if isinstance(value, float):
        return f"{value:.3g}"
    return str(value) if value is None or isinstance(value, (str, int)) else json.dumps(value)
