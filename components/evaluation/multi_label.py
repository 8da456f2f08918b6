"""What is measured of a head of which any number of labels applies."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluation.bootstrap import Bootstrap, bootstrap_f1
from components.evaluation.head_rows import HeadRows
from components.evaluation.measurement import Estimate
from components.evaluation.metrics import Counts, average_precision

__all__ = ["MultiLabelMeasurement"]


@dataclass(frozen=True)
class MultiLabelMeasurement:
    """Decisions counted, and counted again in every resample.

    Attributes:
        labels: names.
        thresholds: by label.
        counts: of the decisions.
        resampled: F1 of every resample.
        precisions: average precision by label, float64 [labels].
    """

    labels: Sequence[str]
    thresholds: Sequence[float]
    counts: Counts
    resampled: Bootstrap
    precisions: NDArray[np.float64]

    @classmethod
    def of(cls, rows: HeadRows, *, resamples: int, seed: int) -> "MultiLabelMeasurement":
        """Measures at least one row of a multi-label head."""
        return cls(
            rows.head.outputs,
            rows.thresholds,
            Counts.of(rows.decisions, rows.targets),
            bootstrap_f1(rows.decisions, rows.targets, resamples=resamples, seed=seed),
            average_precision(rows.scores, rows.targets),
        )

    @property
    def macro_f1(self) -> Estimate:
        return Estimate.of(self.counts.macro_f1, self.resampled.macro_f1)

    @property
    def micro_f1(self) -> Estimate:
        return Estimate.of(self.counts.micro_f1, self.resampled.micro_f1)

    def changes_from(self, baseline: "MultiLabelMeasurement") -> dict[str, Estimate]:
        """Of macro- and micro-F1."""
        ours, theirs = self.resampled, baseline.resampled
        macro = self.counts.macro_f1 - baseline.counts.macro_f1
        micro = self.counts.micro_f1 - baseline.counts.micro_f1
        return {
            "macro_f1": Estimate.of(macro, ours.macro_f1 - theirs.macro_f1),
            "micro_f1": Estimate.of(micro, ours.micro_f1 - theirs.micro_f1),
        }

    def headline(self) -> dict[str, Any]:
        """The averages over labels."""
        return {
            "rows": self.counts.rows,
            "macro_f1": asdict(self.macro_f1),
            "micro_f1": asdict(self.micro_f1),
            "weighted_f1": self.counts.weighted_f1,
            "subset_accuracy": self.counts.subset_accuracy,
        }

    def tables(self) -> dict[str, Any]:
        """`labels`: one object a label, in their order; a label without texts has no average precision."""
        counts = self.counts
        return {
            "labels": [
                {
                    "label": name,
                    "support": int(counts.support[index]),
                    "predicted": int(counts.predicted[index]),
                    "precision": float(counts.precision[index]),
                    "recall": float(counts.recall[index]),
                    "f1": asdict(Estimate.of(float(counts.f1[index]), self.resampled.label_f1[:, index])),
                    "average_precision": float(self.precisions[index]),
                    "threshold": float(self.thresholds[index]),
                }
                for index, name in enumerate(self.labels)
            ]
        }
