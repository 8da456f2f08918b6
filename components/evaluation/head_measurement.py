"""Measures a head in the way of its task."""

from dataclasses import asdict
from typing import Any

from components.evaluation.bootstrap import bootstrap_f1, simultaneous_intervals
from components.evaluation.head_rows import HeadRows
from components.evaluation.measurement import HeadMeasurement
from components.evaluation.metrics import Counts
from components.evaluation.multi_label import MultiLabelMeasurement
from components.evaluation.regression import RegressionMeasurement
from components.evaluation.reliability import reliability_changes
from components.evaluation.single_label import SingleLabelMeasurement

__all__ = ["compare_heads", "measure_head"]


def measure_head(rows: HeadRows, *, resamples: int, seed: int) -> HeadMeasurement:
    """What is measured of a head on at least one row."""
    match rows.head.task:
        case "multi_label":
            return MultiLabelMeasurement.of(rows, resamples=resamples, seed=seed)
        case "regression":
            return RegressionMeasurement.of(rows, resamples=resamples, seed=seed)
        case _:
            return SingleLabelMeasurement.of(rows, resamples=resamples, seed=seed)


def compare_heads(
    measured: HeadMeasurement, rows: HeadRows, baseline: HeadRows, *, bins: int, resamples: int, seed: int
) -> dict[str, Any]:
    """The headline of another model on the same rows and the paired differences to it.

    Under `changes` by metric; of labels under `label_changes`, too, the changes of F1 with bounds that hold for all
    labels at once.

    Args:
        measured: of the new model, with the same number of resamples and the same seed.
        rows: as the new model answered them.
        baseline: the rows as the other model answered them.
        bins: of the calibration error.
        resamples: as in `measure_head`.
        seed: likewise.
    """
    theirs = measure_head(baseline, resamples=resamples, seed=seed)
    changes = dict(measured.changes_from(theirs))
    if rows.head.task != "regression":
        changes |= reliability_changes(rows, baseline, bins=bins, resamples=resamples, seed=seed)
    compared = {
        **theirs.headline(),
        "changes": {name: asdict(change) for name, change in changes.items()},
    }
    if rows.head.task != "regression":
        compared["label_changes"] = _label_changes(rows, baseline, resamples=resamples, seed=seed)
    return compared


def _label_changes(rows: HeadRows, baseline: HeadRows, *, resamples: int, seed: int) -> list[dict[str, Any]]:
    values, samples = zip(
        *(
            (
                Counts.of(own.decisions, own.targets).f1,
                bootstrap_f1(own.decisions, own.targets, resamples=resamples, seed=seed).label_f1,
            )
            for own in (rows, baseline)
        ),
        strict=True,
    )
    change = values[0] - values[1]
    low, high = simultaneous_intervals(change, samples[0] - samples[1])
    bounds = zip(rows.head.outputs, change.tolist(), low.tolist(), high.tolist(), strict=True)
    return [
        {"label": label, "value": value, "low": lowest, "high": highest}
        for label, value, lowest, highest in bounds
    ]
