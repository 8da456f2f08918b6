"""What every measurement of a head can say, and how that is written."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from components.evaluation.bootstrap import Interval

__all__ = ["Estimate", "HeadMeasurement", "Resampled", "as_json_values", "mean_of_known", "write_json"]


@dataclass(frozen=True)
class Estimate:
    """A value with the bounds of its 95 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, samples: NDArray[np.float64] | None) -> "Estimate":
        """A measured value and what resampling makes of it, float64 [resamples]; without, its bounds are NaN."""
        if samples is None:
            return cls(value, math.nan, math.nan)
        interval = Interval.of(samples)
        return cls(value, interval.low, interval.high)


Resampled: TypeAlias = tuple[Any, NDArray[np.float64]]
"""A figure, and what it is in every resample, float64 [resamples, ...]."""


class HeadMeasurement(Protocol):
    """What was measured of one head on some rows; all figures as JSON values."""

    def headline(self) -> dict[str, Any]:
        """`rows`, and by name each average over the head's outputs: a number, or one with its interval."""

    def tables(self) -> dict[str, Any]:
        """The figures of each output, and what else takes a table."""

    def resampled_figures(self) -> Mapping[str, Resampled]:
        """The averages that have an interval, by name; it must have been resampled."""

    def resampled_labels(self) -> Resampled | None:
        """F1 by label, float64 [labels] and [resamples, labels], likewise; None of numbers."""


def mean_of_known(figures: Sequence[float]) -> float:
    """The mean of those that are numbers; NaN if none is."""
    known = [figure for figure in figures if not math.isnan(figure)]
    return float(np.mean(known)) if known else math.nan


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Writes a document; a number that JSON does not know (NaN, infinite) becomes null."""
    text = json.dumps(as_json_values(document), indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def as_json_values(value: Any) -> Any:
    """The document with null for numbers that JSON does not know."""
    if isinstance(value, dict):
        return {key: as_json_values(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json_values(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
