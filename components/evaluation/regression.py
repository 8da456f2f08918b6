"""What is measured of a head that answers numbers."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluation.agreement import Agreement, spearman
from components.evaluation.head_rows import HeadRows
from components.evaluation.measurement import Estimate

__all__ = ["RegressionMeasurement"]

_ESTIMATED = ("pearson", "ccc", "mae", "rmse")


@dataclass(frozen=True)
class RegressionMeasurement:
    """Predicted numbers against the right ones, and both again in every resample.

    Attributes:
        targets: names.
        predicted: float32 [rows, targets].
        right: likewise.
        agreement: of all rows.
        resampled: of every resample.
    """

    targets: Sequence[str]
    predicted: NDArray[np.float32]
    right: NDArray[np.float32]
    agreement: Agreement
    resampled: Agreement

    @classmethod
    def of(cls, rows: HeadRows, *, resamples: int, seed: int) -> "RegressionMeasurement":
        """Measures at least one row of a regression head."""
        # NaN spreads to every figure that it is in, without the warnings of infinity.
        predicted = np.where(np.isfinite(rows.scores), rows.scores, np.float32(np.nan))
        right = rows.targets
        agreement = Agreement.of(predicted, right)
        resampled = Agreement.resampled(predicted, right, resamples=resamples, seed=seed)
        return cls(rows.head.outputs, predicted, right, agreement, resampled)

    def changes_from(self, baseline: "RegressionMeasurement") -> dict[str, Estimate]:
        """Of the mean Pearson correlation."""
        ours, theirs = (own.agreement.pearson.mean() for own in (self, baseline))
        samples = self.resampled.pearson.mean(axis=1) - baseline.resampled.pearson.mean(axis=1)
        return {"pearson": Estimate.of(float(ours - theirs), samples)}

    def headline(self) -> dict[str, Any]:
        """The means over targets."""
        means = {name: self._mean(name) for name in _ESTIMATED}
        ranked = float(spearman(self.predicted, self.right).mean())
        return {"rows": len(self.right), "pearson": means.pop("pearson"), "spearman": ranked, **means}

    def tables(self) -> dict[str, Any]:
        """`targets`: one object a target, in their order; errors, means and deviations in the unit of the data."""
        ranked = spearman(self.predicted, self.right)
        return {
            "targets": [
                {
                    "target": name,
                    **{metric: self._of_target(metric, index) for metric in _ESTIMATED},
                    "spearman": float(ranked[index]),
                    "mean": float(self.right[:, index].mean(dtype=np.float64)),
                    "deviation": float(self.right[:, index].std(dtype=np.float64)),
                    "predicted_mean": float(self.predicted[:, index].mean(dtype=np.float64)),
                    "predicted_deviation": float(self.predicted[:, index].std(dtype=np.float64)),
                }
                for index, name in enumerate(self.targets)
            ]
        }

    def _mean(self, metric: str) -> dict[str, float]:
        value = float(getattr(self.agreement, metric).mean())
        return asdict(Estimate.of(value, getattr(self.resampled, metric).mean(axis=1)))

    def _of_target(self, metric: str, index: int) -> dict[str, float]:
        value = float(getattr(self.agreement, metric)[index])
        return asdict(Estimate.of(value, getattr(self.resampled, metric)[:, index]))
