"""What is measured of a head of which exactly one label applies, in an order or not."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluation.accumulators.single_label import SingleLabelTotals, log_losses
from components.evaluation.bootstrap import resample_sums
from components.evaluation.confusion import Confusion
from components.evaluation.head_rows import HeadRows
from components.evaluation.measurement import Estimate, Resampled, mean_of_known

__all__ = ["SingleLabelMeasurement"]

_ORDINAL = {"quadratic_kappa": "quadratic_kappa", "mae": "rank_error"}
"""Property of `Confusion` by metric name, where labels have an order."""

_AVERAGES = ("macro_f1", "micro_f1", "weighted_f1", "accuracy", "balanced_accuracy", "kappa")


@dataclass(frozen=True)
class SingleLabelMeasurement:
    """Decisions and probabilities measured, and again in every resample.

    Attributes:
        outputs: names.
        ordinal: whether they stand in an order.
        totals: of at least one row.
        resampled: decisions of every resample; None if there are to be no intervals.
        log_losses: mean of every resample, likewise.
    """

    outputs: Sequence[str]
    ordinal: bool
    totals: SingleLabelTotals
    resampled: Confusion | None = None
    log_losses: NDArray[np.float64] | None = None

    @classmethod
    def of(cls, rows: HeadRows, *, resamples: int, seed: int) -> "SingleLabelMeasurement":
        """Measures at least one row of a single-label or ordinal head."""
        labels = rows.head.outputs
        totals = SingleLabelTotals(len(labels))
        totals.add(rows)
        right, decided = rows.targets.argmax(axis=1), rows.decisions.argmax(axis=1)
        resampled = Confusion.resampled(right, decided, labels=len(labels), resamples=resamples, seed=seed)
        losses = log_losses(rows.scores, rows.targets)[:, np.newaxis]
        sums = resample_sums(losses, resamples=resamples, seed=seed)
        return cls(labels, rows.head.task == "ordinal", totals, resampled, sums[:, 0] / len(rows))

    def resampled_figures(self) -> dict[str, Resampled]:
        """Of every average that has an interval."""
        assert self.log_losses is not None
        own = self.totals.confusion
        names = (*_AVERAGES, *(_ORDINAL if self.ordinal else ()))
        return {
            **{name: (float(_figure(own, name)), _figure(self.resampled, name)) for name in names},
            "log_loss": (self.totals.log_loss_sum / float(own.rows), self.log_losses),
        }

    def resampled_labels(self) -> Resampled:
        """F1 by label."""
        assert self.resampled is not None
        return self.totals.confusion.f1, self.resampled.f1

    def headline(self) -> dict[str, Any]:
        """The averages over labels; the rank error `mae` is in ranks, `log_loss` in nats.

        `macro_auroc`, of each label against all others, is the mean over the labels that have one (null if none has)
        and has no interval: every resample would have to be ranked anew.
        """
        confusion = self.totals.confusion
        log_loss = Estimate.of(self.totals.log_loss_sum / float(confusion.rows), self.log_losses)
        aurocs = [ranking.auroc for ranking in self.totals.rankings.by_label()]
        return {
            "rows": int(confusion.rows),
            **{name: self._estimate(name) for name in (*_AVERAGES, *(_ORDINAL if self.ordinal else ()))},
            "log_loss": asdict(log_loss),
            "macro_auroc": mean_of_known(aurocs),
        }

    def tables(self) -> dict[str, Any]:
        """`labels`, one object a label in their order, and `confusion`: texts by right label, then by decided label.

        A label that no text has has no average precision and no AUROC, one that all have no AUROC; both are null if a
        score is no number.
        """
        own, rankings = self.totals.confusion, self.totals.rankings.by_label()
        resampled = self.resampled
        return {
            "labels": [
                {
                    "label": name,
                    "support": int(own.support[index]),
                    "predicted": int(own.predicted[index]),
                    "precision": float(own.precision[index]),
                    "recall": float(own.recall[index]),
                    "f1": asdict(
                        Estimate.of(
                            float(own.f1[index]), None if resampled is None else resampled.f1[:, index]
                        )
                    ),
                    "average_precision": rankings[index].average_precision,
                    "auroc": rankings[index].auroc,
                    "threshold": None,
                }
                for index, name in enumerate(self.outputs)
            ],
            "confusion": own.counts.astype(int).tolist(),
        }

    def _estimate(self, name: str) -> dict[str, float]:
        samples = None if self.resampled is None else _figure(self.resampled, name)
        return asdict(Estimate.of(float(_figure(self.totals.confusion, name)), samples))


def _figure(confusion: Confusion | None, name: str) -> Any:
    """A metric by the name that `metrics.json` has for it."""
    if name == "micro_f1":
        name = "accuracy"
    return getattr(confusion, _ORDINAL.get(name, name))
