"""The training as curves."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.report.charts import line_chart
from pipeline.report.collect import ReportData

__all__ = ["training"]


def training(data: ReportData) -> dict[str, Any] | None:
    """Curves by epoch, each with `title` and `format`, and the figures behind them; None without a training."""
    epochs: Sequence[Mapping[str, Any]] = (data.training or {}).get("epochs") or []
    if not epochs or data.training is None:
        return None
    best, metric = data.training.get("best_epoch"), data.training.get("metric", "macro-F1")
    curves = [
        ("Training loss", "%.4f", [epoch.get("loss") for epoch in epochs]),
        ("Validation loss", "%.4f", [epoch.get("validation_loss") for epoch in epochs]),
        (f"Validation {metric}", "%.3f", [epoch.get("validation_metric") for epoch in epochs]),
        *_by_head(epochs),
    ]
    numbers = [epoch["epoch"] for epoch in epochs]
    return {
        "epochs": epochs,
        "best_epoch": best,
        "metric": metric,
        "facts": data.training,
        "tokens_per_second": _mean(epochs, "tokens_per_second"),
        "input_share": _mean(epochs, "input_share"),
        "curves": [
            {"title": title, "format": format_, "chart": line_chart(numbers, known, marked=best)}
            for title, format_, ys in curves
            if len(known := [y for y in ys if y is not None]) == len(numbers)
        ],
    }


def _by_head(epochs: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, list[float | None]]]:
    """A curve for each head, if there are several."""
    heads = list(epochs[0].get("validation_by_head") or {})
    if len(heads) < 2:
        return []
    return [
        (f"Validation, {head}", "%.3f", [epoch["validation_by_head"].get(head) for epoch in epochs])
        for head in heads
    ]


def _mean(epochs: Sequence[Mapping[str, Any]], key: str) -> float | None:
    values = [epoch[key] for epoch in epochs if epoch.get(key) is not None]
    return sum(values) / len(values) if values else None
