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
from components.evaluation.measurement import Estimate, HeadMeasurement, Resampled
from components.evaluation.multi_label import MultiLabelMeasurement
from components.evaluation.regression import RegressionMeasurement
from components.evaluation.reliability import reliability_changes
from components.evaluation.single_label import SingleLabelMeasurement
from components.modeling.heads import Head

__all__ = ["compare_heads", "measure_head", "measure_totals"]


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


def compare_heads(
    measured: HeadMeasurement, rows: HeadRows, baseline: HeadRows, *, bins: int, resamples: int, seed: int
) -> dict[str, Any]:
    """The headline of another model on the same rows and the paired differences to it.

    Under `changes` by metric, of every figure that is resampled; of labels under `label_changes`, too, the changes of
    F1 with bounds that hold for all labels at once.

    Args:
        measured: of the new model, with the same number of resamples and the same seed.
        rows: as the new model answered them.
        baseline: the rows as the other model answered them.
        bins: of the calibration error.
        resamples: as in `measure_head`.
        seed: likewise.
    """
    other = measure_head(baseline, resamples=resamples, seed=seed)
    ours, theirs = measured.resampled_figures(), other.resampled_figures()
    changes = {
        name: Estimate.of(value - theirs[name][0], samples - theirs[name][1])
        for name, (value, samples) in ours.items()
    }
    if rows.head.task != "regression":
        changes |= reliability_changes(rows, baseline, bins=bins, resamples=resamples, seed=seed)
    compared = {
        **other.headline(),
        "changes": {name: asdict(change) for name, change in changes.items()},
    }
    labels, labels_before = measured.resampled_labels(), other.resampled_labels()
    if labels is not None and labels_before is not None:
        compared["label_changes"] = _label_changes(rows.head.outputs, labels, labels_before)
    return compared


def _label_changes(names: Sequence[str], ours: Resampled, theirs: Resampled) -> list[dict[str, Any]]:
    change = ours[0] - theirs[0]
    low, high = simultaneous_intervals(change, ours[1] - theirs[1])
    bounds = zip(names, change.tolist(), low.tolist(), high.tolist(), strict=True)
    return [
        {"label": label, "value": value, "low": lowest, "high": highest}
        for label, value, lowest, highest in bounds
    ]
