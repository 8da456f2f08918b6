"""What is measured of a head of which exactly one label applies, in an order or not."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluation.confusion import Confusion
from components.evaluation.head_rows import HeadRows
from components.evaluation.measurement import Estimate
from components.evaluation.metrics import average_precision

__all__ = ["SingleLabelMeasurement"]

_ORDINAL = {"quadratic_kappa": "quadratic_kappa", "mae": "rank_error"}
"""Property of `Confusion` by metric name, where labels have an order."""

_CHANGES = ("macro_f1", "micro_f1")


@dataclass(frozen=True)
class SingleLabelMeasurement:
    """Decisions counted, and counted again in every resample.

    Attributes:
        labels: names.
        ordinal: whether they stand in an order.
        confusion: of the decisions.
        resampled: of every resample.
        precisions: average precision by label, float64 [labels].
    """

    labels: Sequence[str]
    ordinal: bool
    confusion: Confusion
    resampled: Confusion
    precisions: NDArray[np.float64]

    @classmethod
    def of(cls, rows: HeadRows, *, resamples: int, seed: int) -> "SingleLabelMeasurement":
        """Measures at least one row of a single-label or ordinal head."""
        right, decided = rows.targets.argmax(axis=1), rows.decisions.argmax(axis=1)
        count = len(rows.head.outputs)
        return cls(
            rows.head.outputs,
            rows.head.task == "ordinal",
            Confusion.of(right, decided, labels=count),
            Confusion.resampled(right, decided, labels=count, resamples=resamples, seed=seed),
            average_precision(rows.scores, rows.targets),
        )

    def changes_from(self, baseline: "SingleLabelMeasurement") -> dict[str, Estimate]:
        """Of macro- and micro-F1, and of quadratic kappa where labels have an order."""
        names = (*_CHANGES, "quadratic_kappa") if self.ordinal else _CHANGES
        return {
            name: Estimate.of(
                float(_figure(self.confusion, name) - _figure(baseline.confusion, name)),
                _figure(self.resampled, name) - _figure(baseline.resampled, name),
            )
            for name in names
        }

    def headline(self) -> dict[str, Any]:
        """The averages over labels; the rank error `mae` is in ranks."""
        names = ["macro_f1", "micro_f1", "weighted_f1", "accuracy", "balanced_accuracy"]
        names += _ORDINAL if self.ordinal else ()
        return {"rows": int(self.confusion.rows), **{name: self._estimate(name) for name in names}}

    def tables(self) -> dict[str, Any]:
        """`labels`, one object a label in their order, and `confusion`: texts by right label, then by decided label."""
        own = self.confusion
        return {
            "labels": [
                {
                    "label": name,
                    "support": int(own.support[index]),
                    "predicted": int(own.predicted[index]),
                    "precision": float(own.precision[index]),
                    "recall": float(own.recall[index]),
                    "f1": asdict(Estimate.of(float(own.f1[index]), self.resampled.f1[:, index])),
                    "average_precision": float(self.precisions[index]),
                    "threshold": None,
                }
                for index, name in enumerate(self.labels)
            ],
            "confusion": own.counts.astype(int).tolist(),
        }

    def _estimate(self, name: str) -> dict[str, float]:
        value = float(_figure(self.confusion, name))
        return asdict(Estimate.of(value, _figure(self.resampled, name)))


def _figure(confusion: Confusion, name: str) -> Any:
    """A metric by the name that `metrics.json` has for it."""
    if name == "micro_f1":
        return confusion.accuracy
    return getattr(confusion, _ORDINAL.get(name, name))
