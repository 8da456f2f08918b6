"""Measures a head in the way of its task."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from components.evaluation.accumulators.head_totals import HeadTotals
from components.evaluation.accumulators.multi_label import MultiLabelTotals
from components.evaluation.accumulators.regression import RegressionTotals
from components.evaluation.accumulators.single_label import SingleLabelTotals
from components.evaluation.bootstrap import simultaneous_intervals
from components.evaluation.head_rows import HeadRows
from components.evaluation.measurement import Estimate, HeadMeasurement
from components.evaluation.multi_label import MultiLabelMeasurement
from components.evaluation.regression import RegressionMeasurement
from components.evaluation.single_label import SingleLabelMeasurement
from components.modeling.heads import Head

__all__ = ["compare_measurements", "measure_head", "measure_totals"]


def measure_head(rows: HeadRows, *, resamples: int, seed: int) -> HeadMeasurement:
    """What is measured of a head on at least one row."""
    match rows.head.task:
        case "multi_label":
            return MultiLabelMeasurement.of(rows, resamples=resamples, seed=seed)
        case "regression":
            return RegressionMeasurement.of(rows, resamples=resamples, seed=seed)
        case _:
            return SingleLabelMeasurement.of(rows, resamples=resamples, seed=seed)


def measure_totals(head: Head, thresholds: Sequence[float], totals: HeadTotals) -> HeadMeasurement:
    """What is measured of a head whose rows are not at hand, without intervals.

    Args:
        head: the head.
        thresholds: by output of the head.
        totals: of at least one row.
    """
    match totals:
        case MultiLabelTotals():
            return MultiLabelMeasurement(head.outputs, thresholds, totals)
        case RegressionTotals():
            return RegressionMeasurement(head.outputs, totals)
        case SingleLabelTotals():
            return SingleLabelMeasurement(head.outputs, head.task == "ordinal", totals)
    raise TypeError(f"no totals of a head: {type(totals).__name__}")


def compare_measurements(measured: HeadMeasurement, baseline: HeadMeasurement) -> dict[str, Any]:
    """The headline of another model on the same rows and the paired differences to it.

    Both must have been resampled as often and with the same seed.

    Args:
        measured: of the new model.
        baseline: of the other.

    Returns:
        The headline of `baseline`, under `changes` the difference of every average that has an interval, and, of
        labels, under `label_changes` that of their F1, with bounds that hold for all labels at once.
    """
    ours, theirs = measured.resampled_figures(), baseline.resampled_figures()
    changes = {
        name: asdict(Estimate.of(value - theirs[name][0], samples - theirs[name][1]))
        for name, (value, samples) in ours.items()
    }
    compared = {**baseline.headline(), "changes": changes}
    if (labels := _label_changes(measured, baseline)) is not None:
        compared["label_changes"] = labels
    return compared


def _label_changes(measured: HeadMeasurement, baseline: HeadMeasurement) -> list[dict[str, Any]] | None:
    ours, theirs = measured.resampled_labels(), baseline.resampled_labels()
    if ours is None or theirs is None:
        return None
    change = ours[0] - theirs[0]
    low, high = simultaneous_intervals(change, ours[1] - theirs[1])
    bounds = zip(measured.outputs, change.tolist(), low.tolist(), high.tolist(), strict=True)
    return [
        {"label": label, "value": value, "low": lowest, "high": highest}
        for label, value, lowest, highest in bounds
    ]
