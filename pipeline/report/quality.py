"""How good each head of the model is, as plain values for the templates."""

from collections.abc import Mapping, Sequence
from typing import Any

from components.evaluation.checks.words import METRICS
from pipeline.report.calibration import calibration
from pipeline.report.collect import ReportData
from pipeline.report.explained import explained
from pipeline.report.support import support_chart
from pipeline.report.thresholds import threshold_sweep

__all__ = ["head_sections"]

_LEVELS = (0.01, 0.05, 0.1, 0.25, 0.5)
"""Lowest share (0-1) of each shade of the confusion matrix, the same in every run."""

_LABELS_SHOWN = 40

_AVERAGES = {
    "macro_f1": "Macro-F1",
    "micro_f1": "Micro-F1",
    "weighted_f1": "Weighted F1",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "quadratic_kappa": "Quadratic weighted kappa",
    "pearson": "Mean Pearson r",
    "spearman": "Mean Spearman rho",
    "ccc": "Mean concordance correlation",
    "mae": "Mean absolute error",
    "rmse": "Root mean squared error",
    "samples_f1": "F1 of a text, mean",
    "jaccard": "Jaccard index",
    "lrap": "Ranking precision (LRAP)",
    "subset_accuracy": "Every label right",
    "hamming": "Hamming loss",
    "macro_average_precision": "Average precision, mean",
    "macro_auroc": "AUROC, mean",
    "ece": "Expected calibration error",
    "brier": "Brier score",
}


def head_sections(data: ReportData) -> list[dict[str, Any]]:
    """One entry a head of `metrics.json`, in order; none if nothing was measured.

    Each has `document` (what `metrics.json` says of it), `kind` (`labels` or `numbers`), `prefix` (of anchors and, with
    its `title`, of headings; both empty if there is one head), `averages`, `changes`, `rows` (labels, best F1 first),
    `errors` (with their words explained), and `support`, `confusion`, `together`, `calibration` and `sweep` (None where
    they were not measured).
    """
    if data.metrics is None:
        return []
    heads: Sequence[Mapping[str, Any]] = data.metrics["heads"]
    return [_head(document, several=len(heads) > 1) for document in heads]


def _head(document: Mapping[str, Any], *, several: bool) -> dict[str, Any]:
    name = document["head"]
    return {
        "document": document,
        "kind": "numbers" if document["task"] == "regression" else "labels",
        "prefix": f"{name}-" if several else "",
        "title": f"{name}: " if several else "",
        "averages": [_average(title, document[key]) for key, title in _AVERAGES.items() if key in document],
        "changes": _changes(document),
        "rows": sorted(
            document.get("labels", ()), key=lambda row: (-(row["f1"]["value"] or 0.0), row["label"])
        ),
        "confusion": _confusion(document),
        "together": _together(document),
        "support": support_chart(document),
        "calibration": calibration(document),
        "sweep": threshold_sweep(document),
        "errors": [{**error, "explained": explained(error)} for error in document["worst_errors"]],
    }


def _average(title: str, figure: Any) -> dict[str, Any]:
    estimate = figure if isinstance(figure, Mapping) else {"value": figure, "low": None, "high": None}
    return {"title": title, **estimate}


def _changes(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What became of each metric since the last blessed model; empty if there is nothing to compare with."""
    baseline = document["baseline"]
    return [
        {
            "title": _AVERAGES.get(key) or _capital(METRICS.get(key, key.replace("_", " "))),
            "now": (now := _value(document, key)),
            "before": _less(now, change["value"]),
            **{f"change_{bound}": value for bound, value in change.items()},
        }
        for key, change in baseline.get("changes", {}).items()
    ]


def _value(document: Mapping[str, Any], key: str) -> float | None:
    """A figure of a head, or of its calibration."""
    found = document.get(key, (document.get("calibration") or {}).get(key))
    value: float | None = found["value"] if isinstance(found, Mapping) else found
    return value


def _less(now: float | None, change: float | None) -> float | None:
    """What the other model had on the same rows."""
    return None if now is None or change is None else now - change


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _confusion(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """The matrix with shades."""
    matrix = document.get("confusion")
    if matrix is None:
        return None
    labels = [row["label"] for row in document["labels"]]
    support = [sum(row) for row in matrix]
    return _heat_map(labels, matrix, support, ordered=document["task"] == "ordinal")


def _together(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """Which labels the model gives to the texts of a label, where any number of labels applies."""
    found = document.get("co_occurrence") or {}
    if not found.get("given"):
        return None
    support = {row["label"]: row["support"] for row in document["labels"]}
    return _heat_map(found["labels"], found["given"], [support[label] for label in found["labels"]])


def _heat_map(
    labels: Sequence[str],
    matrix: Sequence[Sequence[int]],
    support: Sequence[int],
    *,
    ordered: bool = False,
) -> dict[str, Any]:
    """Counts with shades of their share of the row's support; labels in their order or by frequency."""
    order = list(range(len(labels)))
    if not ordered:
        order.sort(key=lambda at: (-support[at], labels[at]))
    shown = order[:_LABELS_SHOWN]
    return {
        "labels": [labels[at] for at in shown],
        "left_out": len(labels) - len(shown),
        "rows": [
            {
                "label": labels[at],
                "texts": support[at],
                "cells": [_cell(matrix[at][other], support[at], right=at == other) for other in shown],
            }
            for at in shown
        ],
    }


def _cell(count: int, total: int, *, right: bool) -> dict[str, Any]:
    share = count / total if total else 0.0
    return {
        "count": count,
        "share": share,
        "right": right,
        "level": sum(share >= lowest for lowest in _LEVELS),
    }
