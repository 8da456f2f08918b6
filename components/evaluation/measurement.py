"""What every measurement of a head can say, and how that is written."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from components.evaluation.bootstrap import Interval

__all__ = ["Estimate", "HeadMeasurement", "write_json"]


@dataclass(frozen=True)
class Estimate:
    """A value with the bounds of its 95 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, samples: NDArray[np.float64]) -> "Estimate":
        """A measured value and what resampling makes of it, float64 [resamples]."""
        interval = Interval.of(samples)
        return cls(value, interval.low, interval.high)


class HeadMeasurement(Protocol):
    """What was measured of one head on some rows; all figures as JSON values."""

    def headline(self) -> dict[str, Any]:
        """`rows`, and by name each average over the head's outputs: a number, or one with its interval."""

    def tables(self) -> dict[str, Any]:
        """The figures of each output, and what else takes a table."""

    def changes_from(self, baseline: Self) -> Mapping[str, Estimate]:
        """Differences to what was measured of another model on the same rows with the same seed (paired)."""


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Writes a document; a number that JSON does not know (NaN, infinite) becomes null."""
    text = json.dumps(_without_nan(document), indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
