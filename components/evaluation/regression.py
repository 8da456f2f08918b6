"""What is measured of a head that answers numbers."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from components.evaluation.accumulators.regression import RegressionTotals, numbers
from components.evaluation.agreement import Agreement
from components.evaluation.head_rows import HeadRows
from components.evaluation.measurement import Estimate, Resampled

__all__ = ["RegressionMeasurement"]

_ESTIMATED = ("pearson", "ccc", "mae", "rmse")


@dataclass(frozen=True)
class RegressionMeasurement:
    """Predicted numbers against the right ones, and again in every resample.

    Attributes:
        outputs: names.
        totals: of at least one row.
        resampled: None if there are to be no intervals.
    """

    outputs: Sequence[str]
    totals: RegressionTotals
    resampled: Agreement | None = None

    @classmethod
    def of(cls, rows: HeadRows, *, resamples: int, seed: int) -> "RegressionMeasurement":
        """Measures at least one row of a regression head."""
        totals = RegressionTotals(len(rows.head.outputs))
        totals.add(rows)
        resampled = Agreement.resampled(numbers(rows), rows.targets, resamples=resamples, seed=seed)
        return cls(rows.head.outputs, totals, resampled)

    def resampled_figures(self) -> dict[str, Resampled]:
        """Of every mean over targets that has an interval."""
        assert self.resampled is not None
        return {
            name: (
                float(getattr(self.totals.agreement, name).mean()),
                getattr(self.resampled, name).mean(axis=1),
            )
            for name in _ESTIMATED
        }

    def resampled_labels(self) -> None:
        """Numbers have no labels."""

    def headline(self) -> dict[str, Any]:
        """The means over targets; the correlation of ranks has no interval: every resample would be ranked anew."""
        means = {name: self._mean(name) for name in _ESTIMATED}
        ranked = float(self.totals.ranks.values.mean())
        rows = self.totals.agreement.rows
        return {"rows": rows, "pearson": means.pop("pearson"), "spearman": ranked, **means}

    def tables(self) -> dict[str, Any]:
        """`targets`: one object a target, in their order; errors, means and deviations in the unit of the data."""
        ranked, agreement = self.totals.ranks.values, self.totals.agreement
        means, deviations = agreement.means, agreement.deviations
        return {
            "targets": [
                {
                    "target": name,
                    **{metric: self._of_target(metric, index) for metric in _ESTIMATED},
                    "spearman": float(ranked[index]),
                    "mean": float(means[1, index]),
                    "deviation": float(deviations[1, index]),
                    "predicted_mean": float(means[0, index]),
                    "predicted_deviation": float(deviations[0, index]),
                }
                for index, name in enumerate(self.outputs)
            ]
        }

    def _mean(self, metric: str) -> dict[str, float]:
        samples = None if self.resampled is None else getattr(self.resampled, metric).mean(axis=1)
        return asdict(Estimate.of(float(getattr(self.totals.agreement, metric).mean()), samples))

    def _of_target(self, metric: str, index: int) -> dict[str, float]:
        samples = None if self.resampled is None else getattr(self.resampled, metric)[:, index]
        return asdict(Estimate.of(float(getattr(self.totals.agreement, metric)[index]), samples))
