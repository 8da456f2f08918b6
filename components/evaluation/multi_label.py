"""What is measured of a head of which any number of labels applies."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluation.accumulators.multi_label import MultiLabelTotals
from components.evaluation.accumulators.row_figures import ROW_FIGURES, row_figures
from components.evaluation.bootstrap import resample_sums
from components.evaluation.head_rows import HeadRows
from components.evaluation.measurement import Estimate, Resampled, mean_of_known
from components.evaluation.metrics import Counts

__all__ = ["MultiLabelMeasurement"]

_FROM_COUNTS = ("macro_f1", "micro_f1", "weighted_f1", "macro_jaccard")
_MOST_CO_OCCURRING = 64
"""Labels of which it is written which stand together: more fit no heat map."""


@dataclass(frozen=True)
class _Resampled:
    """What decides the metrics, of every resample.

    Attributes:
        counts: float64 [resamples, labels] each.
        row_means: of `row_figures`, float64 [resamples, 5].
    """

    counts: Counts
    row_means: NDArray[np.float64]

    @classmethod
    def of(cls, rows: HeadRows, *, resamples: int, seed: int) -> "_Resampled":
        """The same draws for both."""
        counts = Counts.resampled(rows.decisions, rows.targets, resamples=resamples, seed=seed)
        figures = row_figures(rows.scores, rows.decisions, rows.targets)
        sums = resample_sums(figures, resamples=resamples, seed=seed)
        return cls(counts, sums / len(rows))


@dataclass(frozen=True)
class MultiLabelMeasurement:
    """Decisions and scores measured, and the decisions again in every resample.

    Attributes:
        outputs: names.
        thresholds: by label.
        totals: of at least one row.
        resampled: None if there are to be no intervals.
    """

    outputs: Sequence[str]
    thresholds: Sequence[float]
    totals: MultiLabelTotals
    resampled: _Resampled | None = None

    @classmethod
    def of(cls, rows: HeadRows, *, resamples: int, seed: int) -> "MultiLabelMeasurement":
        """Measures at least one row of a multi-label head."""
        totals = MultiLabelTotals(len(rows.head.outputs))
        totals.add(rows)
        resampled = _Resampled.of(rows, resamples=resamples, seed=seed)
        return cls(rows.head.outputs, rows.thresholds, totals, resampled)

    def resampled_figures(self) -> dict[str, Resampled]:
        """Of every average that has an interval."""
        assert self.resampled is not None
        counts, means = self.resampled.counts, self.resampled.row_means
        of_rows = self.totals.row_sums / self.totals.counts.rows
        return {
            **{
                name: (float(getattr(self.totals.counts, name)), getattr(counts, name))
                for name in _FROM_COUNTS
            },
            **{name: (float(of_rows[index]), means[:, index]) for index, name in enumerate(ROW_FIGURES)},
        }

    def resampled_labels(self) -> Resampled:
        """F1 by label."""
        assert self.resampled is not None
        return self.totals.counts.f1, self.resampled.counts.f1

    def headline(self) -> dict[str, Any]:
        """The averages over labels and over texts.

        `macro_average_precision` and `macro_auroc` are means over the labels that have one (null if none has). They
        have no interval: every resample would have to be ranked anew.
        """
        rankings = self.totals.rankings.by_label()
        return {
            "rows": self.totals.counts.rows,
            **{name: self._from_counts(name) for name in _FROM_COUNTS},
            **{name: self._from_rows(index) for index, name in enumerate(ROW_FIGURES)},
            "macro_average_precision": mean_of_known([ranking.average_precision for ranking in rankings]),
            "macro_auroc": mean_of_known([ranking.auroc for ranking in rankings]),
        }

    def tables(self) -> dict[str, Any]:
        """The figures of every label, in their order, and how labels stand together.

        `labels`: one object a label. A label that no text has has no average precision and no AUROC, one that all have
        no AUROC; both are null if a score is no number.
        `threshold_sweep`: by label what other thresholds would give.
        `co_occurrence`: of the most frequent labels, texts that have both (`counts`), and texts that have the row's and
        are given the column's (`given`).
        """
        rankings = self.totals.rankings.by_label()
        counts, resampled = self.totals.counts, self.resampled
        return {
            "labels": [
                {
                    "label": name,
                    "support": int(counts.support[index]),
                    "predicted": int(counts.predicted[index]),
                    "precision": float(counts.precision[index]),
                    "recall": float(counts.recall[index]),
                    "f1": asdict(
                        Estimate.of(
                            float(counts.f1[index]),
                            None if resampled is None else resampled.counts.f1[:, index],
                        )
                    ),
                    "average_precision": rankings[index].average_precision,
                    "auroc": rankings[index].auroc,
                    "threshold": float(self.thresholds[index]),
                }
                for index, name in enumerate(self.outputs)
            ],
            "threshold_sweep": [
                {"label": name, "points": ranking.sweep()}
                for name, ranking in zip(self.outputs, rankings, strict=True)
            ],
            "co_occurrence": self._co_occurrence(),
        }

    def _from_counts(self, name: str) -> dict[str, float]:
        samples = None if self.resampled is None else getattr(self.resampled.counts, name)
        return asdict(Estimate.of(float(getattr(self.totals.counts, name)), samples))

    def _from_rows(self, index: int) -> dict[str, float]:
        samples = None if self.resampled is None else self.resampled.row_means[:, index]
        value = float(self.totals.row_sums[index] / self.totals.counts.rows)
        return asdict(Estimate.of(value, samples))

    def _co_occurrence(self) -> dict[str, Any]:
        by_support = np.argsort(-self.totals.counts.support, kind="stable")
        shown = np.sort(by_support[:_MOST_CO_OCCURRING])
        cells = np.ix_(shown, shown)
        return {
            "labels": [self.outputs[label] for label in shown],
            "counts": self.totals.together[cells].tolist(),
            "given": self.totals.given[cells].tolist(),
        }
