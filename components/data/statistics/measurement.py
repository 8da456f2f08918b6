"""One measured difference between two data sets, whether it is an anomaly or not."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from components.data.validation.anomalies import AnomalyType, Finding

__all__ = ["Measurement", "add_measurements", "exceeded"]

_MEASURES = {
    "COMPARATOR_L_INFTY_HIGH": "L_INFTY",
    "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH": "JENSEN_SHANNON_DIVERGENCE",
    "COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH": "NORMALIZED_ABSOLUTE_DIFFERENCE",
}
"""What tensorflow-metadata calls the measures of comparators."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A distance or an effect, and the limit that it was held against.

    Attributes:
        split: what was looked at.
        control: what it was held against, in words.
        comparison: `skew` or `drift`.
        feature: in which feature; empty if it is about the split as a whole.
        type: what kind of anomaly it is if exceeded.
        at: the label or value that was compared, or that differs most; empty if it is about all of them.
        value: the measurement; its unit depends on the type.
        limit: the largest one that is no anomaly (the smallest for COMPARATOR_LOW_NUM_EXAMPLES).
        p_value: how often chance alone makes such a difference (0-1, adjusted for the number of tests); None if that
            was not asked.
        exceeded: whether it is an anomaly.
        message: what was expected, what came, and what to do.
    """

    split: str
    control: str
    comparison: str
    feature: str
    type: AnomalyType
    at: str
    value: float
    limit: float
    exceeded: bool
    message: str
    p_value: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The entry in `comparisons.json`."""
        entry = asdict(self)
        del entry["message"]
        return entry


def exceeded(measurements: Iterable[Measurement]) -> list[Finding]:
    """A finding for each measurement that exceeds its limit."""
    return [Finding(one.split, one.feature, one.type, one.message) for one in measurements if one.exceeded]


def add_measurements(proto: Any, measurements: Iterable[Measurement]) -> None:
    """Writes what the schema's comparators measured into an `Anomalies` proto, as TFDV does, exceeded or not."""
    by_feature: dict[str, Any] = {}
    for one in measurements:
        if one.type not in _MEASURES:
            continue
        if one.feature not in by_feature:
            by_feature[one.feature] = proto.drift_skew_info.add()
            by_feature[one.feature].path.step.append(one.feature)
        info = by_feature[one.feature]
        measured = info.drift_measurements if one.comparison == "drift" else info.skew_measurements
        measured.add(type=_MEASURES[one.type], value=one.value, threshold=one.limit)
