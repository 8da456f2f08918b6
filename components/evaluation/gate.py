"""The verdict: every measurement that has a limit, held against it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.core.verdict import Verdict
from components.evaluation.checks.behaviour import fairness_checks, robustness_checks
from components.evaluation.checks.bounds import finite_scores_check, quality_checks
from components.evaluation.checks.changes import change_checks
from components.evaluation.checks.resources import latency_checks, size_checks
from components.evaluation.checks.slices import slice_checks
from components.evaluation.evaluator_config import EvaluatorConfig

__all__ = ["judge"]


def judge(metrics: Mapping[str, Any], scores: NDArray[np.float32], config: EvaluatorConfig) -> Verdict:
    """Blesses a model, or refuses it: what was not measured, or is no number, keeps no limit.

    Args:
        metrics: the document that the Evaluator writes as `metrics.json`.
        scores: float [rows, outputs] that were measured.
        config: the limits.
    """
    heads = metrics["heads"]
    return Verdict(
        (
            finite_scores_check(scores),
            *quality_checks(heads, config.thresholds, config.head_thresholds),
            *change_checks(heads, config.change),
            *slice_checks(heads, config.slice_limits),
            *robustness_checks(metrics.get("robustness"), config.robustness_limits),
            *fairness_checks(metrics.get("fairness"), config.fairness_limits),
            *size_checks(metrics.get("size"), config.size_limits),
            *latency_checks(metrics.get("latency"), config.latency),
        )
    )
