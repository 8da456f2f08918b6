"""Measures a head in the way of its task."""

from collections.abc import Sequence

from components.evaluation.accumulators.head_totals import HeadTotals
from components.evaluation.accumulators.multi_label import MultiLabelTotals
from components.evaluation.accumulators.regression import RegressionTotals
from components.evaluation.accumulators.single_label import SingleLabelTotals
from components.evaluation.head_rows import HeadRows
from components.evaluation.measurement import HeadMeasurement
from components.evaluation.multi_label import MultiLabelMeasurement
from components.evaluation.regression import RegressionMeasurement
from components.evaluation.single_label import SingleLabelMeasurement
from components.modeling.heads import Head

__all__ = ["measure_head", "measure_totals"]


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
