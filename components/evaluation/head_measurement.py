"""Measures a head in the way of its task."""

from components.evaluation.head_rows import HeadRows
from components.evaluation.measurement import HeadMeasurement
from components.evaluation.multi_label import MultiLabelMeasurement
from components.evaluation.regression import RegressionMeasurement
from components.evaluation.single_label import SingleLabelMeasurement

__all__ = ["measure_head"]


def measure_head(rows: HeadRows, *, resamples: int, seed: int) -> HeadMeasurement:
    """What is measured of a head on at least one row."""
    match rows.head.task:
        case "multi_label":
            return MultiLabelMeasurement.of(rows, resamples=resamples, seed=seed)
        case "regression":
            return RegressionMeasurement.of(rows, resamples=resamples, seed=seed)
        case _:
            return SingleLabelMeasurement.of(rows, resamples=resamples, seed=seed)
