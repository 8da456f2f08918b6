"""What checks are called, for programs and for persons."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["MAX", "METRICS", "check_name", "is_number", "prefix_of", "value_of", "words"]

MAX = "max_"
"""Begins the name of a limit that a figure must not be above."""

METRICS = {
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "weighted_f1": "weighted F1",
    "samples_f1": "mean F1 of a text",
    "jaccard": "Jaccard overlap",
    "macro_jaccard": "mean Jaccard overlap of the labels",
    "macro_average_precision": "mean average precision",
    "macro_auroc": "mean area under the ROC curve",
    "subset_accuracy": "share of texts with every label right",
    "lrap": "label ranking average precision",
    "hamming": "share of wrong decisions",
    "min_label_f1": "lowest F1 of a label",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "kappa": "Cohen's kappa",
    "log_loss": "log loss",
    "quadratic_kappa": "quadratic weighted kappa",
    "pearson": "mean Pearson r",
    "spearman": "mean Spearman rho",
    "ccc": "mean concordance correlation",
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
    "ece": "expected calibration error",
    "brier": "Brier score",
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "average_precision": "average precision",
    "auroc": "area under the ROC curve",
}
"""Words by name of a figure."""


def words(metric: str, *whose: str) -> str:
    """`joy: F1`; without anybody whose it is, the metric alone."""
    return ": ".join([*filter(None, whose), METRICS[metric]])


def check_name(*parts: str) -> str:
    """`emotion.joy.f1`; empty parts are left out."""
    return ".".join(filter(None, parts))


def prefix_of(document: Mapping[str, Any], heads: Sequence[Mapping[str, Any]]) -> str:
    """The head's name if there is more than one."""
    return str(document["head"]) if len(heads) > 1 else ""


def value_of(figure: Any) -> float | None:
    """The value of a figure, be it a number or one with its interval."""
    value = figure.get("value") if isinstance(figure, Mapping) else figure
    return None if value is None else float(value)


def is_number(*values: float | None) -> bool:
    """Whether every one is there and finite."""
    return all(value is not None and math.isfinite(value) for value in values)
