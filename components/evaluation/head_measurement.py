"""Measures a head in the way of its task."""

from dataclasses import asdict
from typing import Any

from components.evaluation.head_rows import HeadRows
from components.evaluation.measurement import HeadMeasurement
from components.evaluation.multi_label import MultiLabelMeasurement
from components.evaluation.regression import RegressionMeasurement
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
    measured: HeadMeasurement, baseline: HeadRows, *, resamples: int, seed: int
) -> dict[str, Any]:
    """The headline of another model on the same rows and, under `changes`, the paired differences to it.

    Args:
        measured: of the new model, with the same number of resamples and the same seed.
        baseline: the rows as the other model answered them.
        resamples: as in `measure_head`.
        seed: likewise.
    """
    theirs = measure_head(baseline, resamples=resamples, seed=seed)
    changes = measured.changes_from(theirs).items()
    return {**theirs.headline(), "changes": {name: asdict(change) for name, change in changes}}
