"""One measured difference between two data sets, whether it is an anomaly or not."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from components.data.anomalies import AnomalyType, Finding

__all__ = ["Measurement", "exceeded"]


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
