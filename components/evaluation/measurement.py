"""What is measured of one model on one split: counts, their resamples, and what both say."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluation.bootstrap import Bootstrap, Interval, bootstrap_f1
from components.evaluation.metrics import Counts, average_precision

__all__ = ["Estimate", "Measurement", "write_json"]


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


@dataclass(frozen=True)
class Measurement:
    """A model's decisions counted, and counted again in every resample."""

    counts: Counts
    resampled: Bootstrap

    @classmethod
    def of(
        cls, decisions: NDArray[np.bool_], targets: NDArray[Any], *, resamples: int, seed: int
    ) -> "Measurement":
        """Measures decisions against targets, both [rows, labels]."""
        resampled = bootstrap_f1(decisions, targets, resamples=resamples, seed=seed)
        return cls(Counts.of(decisions, targets), resampled)

    @property
    def macro_f1(self) -> Estimate:
        return Estimate.of(self.counts.macro_f1, self.resampled.macro_f1)

    @property
    def micro_f1(self) -> Estimate:
        return Estimate.of(self.counts.micro_f1, self.resampled.micro_f1)

    def changes_from(self, baseline: "Measurement") -> dict[str, Estimate]:
        """Differences to a baseline that was measured on the same rows with the same seed (paired)."""
        ours, theirs = self.resampled, baseline.resampled
        return {
            "macro_f1": Estimate.of(
                self.counts.macro_f1 - baseline.counts.macro_f1, ours.macro_f1 - theirs.macro_f1
            ),
            "micro_f1": Estimate.of(
                self.counts.micro_f1 - baseline.counts.micro_f1, ours.micro_f1 - theirs.micro_f1
            ),
        }

    def headline(self) -> dict[str, Any]:
        """The averages over labels as JSON values."""
        return {
            "rows": self.counts.rows,
            "macro_f1": asdict(self.macro_f1),
            "micro_f1": asdict(self.micro_f1),
            "weighted_f1": self.counts.weighted_f1,
            "subset_accuracy": self.counts.subset_accuracy,
        }

    def label_table(
        self,
        labels: Sequence[str],
        thresholds: Sequence[float],
        scores: NDArray[np.float32],
        targets: NDArray[Any],
    ) -> list[dict[str, Any]]:
        """One JSON object a label, in the order of the label list; a label without texts has no average precision."""
        precisions = average_precision(scores, targets)
        return [
            {
                "label": name,
                "support": int(self.counts.support[index]),
                "predicted": int(self.counts.predicted[index]),
                "precision": float(self.counts.precision[index]),
                "recall": float(self.counts.recall[index]),
                "f1": asdict(Estimate.of(float(self.counts.f1[index]), self.resampled.label_f1[:, index])),
                "average_precision": float(precisions[index]),
                "threshold": float(thresholds[index]),
            }
            for index, name in enumerate(labels)
        ]


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
