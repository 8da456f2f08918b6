"""Whether scores mean what they say: reliability curve, expected calibration error and Brier score.

Of a multi-label head every score of every text says how likely a label is. Of a head of which one label applies, the
curve and its error are those of each text's likeliest label (Guo et al., 2017, "On calibration of modern neural
networks", section 2). The error is the mean distance of what scores say from what came true, over bins of scores; it
sees in a few rows a distance that is only chance, and is then too large. The Brier score (Brier, 1950) is the mean
square of each score's distance from 0 or 1: over the labels of a multi-label head, and their sum, 0 to 2, where one
applies.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluation.bootstrap import resample_sums
from components.evaluation.head_rows import HeadRows
from components.evaluation.measurement import Estimate
from components.evaluation.platt import logit, sigmoid
from components.modeling.calibration import Calibration, HeadCalibration
from components.modeling.distillation.soft_targets import soften
from components.modeling.heads import Head

__all__ = ["measure_reliability", "reliability_changes", "uncalibrated"]

_SMALLEST = 1e-7
"""Scores are float32: nearer to 0 or 1 than this they say nothing."""

_Floats = NDArray[np.float64]


def measure_reliability(
    rows: HeadRows, calibration: Calibration, *, bins: int, resamples: int, seed: int
) -> dict[str, Any]:
    """What `metrics.json` says of a head under `calibration`; nothing if it answers numbers.

    Args:
        rows: at least one.
        calibration: of the model.
        bins: of equal width from 0 to 1.
        resamples: behind the intervals.
        seed: of the resampling.

    Returns:
        `method`; `ece` and `brier` with their intervals; `bins`: of every bin its bounds, the number of scores in it,
        their mean, and the share that came true (NaN if there are none); `labels`: `ece` and `brier` of each label
        against all others. `before` is the same of scores without the calibration, if there is one.
    """
    if rows.head.task == "regression":
        return {}
    options = {"bins": bins, "resamples": resamples, "seed": seed}
    own = calibration.get(rows.head.name)
    found: dict[str, Any] = {"method": "none", **_Reliability.of(rows, rows.scores, **options).document()}
    if own is not None:
        before = _Reliability.of(rows, uncalibrated(rows.head, own, rows.scores), **options)
        found |= {"method": own.method, "before": before.document()}
    return {"calibration": found}


def reliability_changes(
    rows: HeadRows, baseline: HeadRows, *, bins: int, resamples: int, seed: int
) -> dict[str, Estimate]:
    """Paired differences of `ece` and `brier` to another model on the same rows."""
    ours, theirs = (
        _Reliability.of(own, own.scores, bins=bins, resamples=resamples, seed=seed)
        for own in (rows, baseline)
    )
    return {
        "ece": _centred(ours.ece - theirs.ece, ours.ece_samples - theirs.ece_samples),
        "brier": Estimate.of(ours.brier - theirs.brier, ours.brier_samples - theirs.brier_samples),
    }


def uncalibrated(head: Head, calibration: HeadCalibration, scores: NDArray[np.float32]) -> _Floats:
    """The scores that the head would give without its calibration, float64 [rows, outputs]."""
    if head.task != "multi_label":
        return soften([head], scores, calibration.slopes[0]).astype(np.float64)
    logits = logit(np.clip(scores.astype(np.float64), _SMALLEST, 1 - _SMALLEST))
    return sigmoid((logits - np.asarray(calibration.offsets)) / np.asarray(calibration.slopes))


@dataclass(frozen=True)
class _Reliability:
    """What is measured of scores.

    Attributes:
        ece: expected calibration error.
        ece_samples: of every resample, float64 [resamples].
        brier: Brier score.
        brier_samples: likewise.
        bins: the reliability curve.
        labels: figures of each label.
    """

    ece: float
    ece_samples: _Floats
    brier: float
    brier_samples: _Floats
    bins: list[dict[str, Any]]
    labels: list[dict[str, Any]]

    @classmethod
    def of(
        cls, rows: HeadRows, scores: NDArray[Any], *, bins: int, resamples: int, seed: int
    ) -> "_Reliability":
        said, targets = scores.astype(np.float64), rows.targets.astype(np.float64)
        squares = (said - targets) ** 2
        claims, truths, brier = said, targets, squares.mean(axis=1)
        if rows.head.task != "multi_label":
            likeliest = said.argmax(axis=1)[:, np.newaxis]
            claims, truths = (np.take_along_axis(values, likeliest, axis=1) for values in (said, targets))
            brier = squares.sum(axis=1)
        curve, gaps = _binned(claims, truths, bins)
        sums = resample_sums(np.column_stack([gaps, brier]), resamples=resamples, seed=seed)
        return cls(
            ece=float(_error(gaps.sum(axis=0), claims.size)),
            ece_samples=_error(sums[:, :-1], claims.size),
            brier=float(brier.mean()),
            brier_samples=sums[:, -1] / len(brier),
            bins=curve,
            labels=[
                {
                    "label": name,
                    "ece": float(_label_error(said[:, place], targets[:, place], bins)),
                    "brier": float(squares[:, place].mean()),
                }
                for place, name in enumerate(rows.head.outputs)
            ],
        )

    def document(self) -> dict[str, Any]:
        ece = _centred(self.ece, self.ece_samples)
        return {
            "ece": asdict(Estimate(ece.value, max(ece.low, 0.0), ece.high)),
            "brier": asdict(Estimate.of(self.brier, self.brier_samples)),
            "bins": self.bins,
            "labels": self.labels,
        }


def _binned(claims: _Floats, truths: _Floats, bins: int) -> tuple[list[dict[str, Any]], _Floats]:
    """The reliability curve, and what came true less what was said in each row and bin, float64 [rows, bins]."""
    gaps = np.zeros((len(claims), bins))
    counts, said, true = np.zeros(bins, np.int64), np.zeros(bins), np.zeros(bins)
    for claim, truth in zip(claims.T, truths.T, strict=True):
        places = _places(claim, bins)
        counts += np.bincount(places, minlength=bins)
        said += np.bincount(places, weights=claim, minlength=bins)
        true += np.bincount(places, weights=truth, minlength=bins)
        gaps[np.arange(len(claim)), places] += truth - claim
    means, shares = (
        np.divide(sums, counts, out=np.full(bins, np.nan), where=counts > 0) for sums in (said, true)
    )
    table = [
        {
            "low": place / bins,
            "high": (place + 1) / bins,
            "count": int(counts[place]),
            "mean_score": float(means[place]),
            "share": float(shares[place]),
        }
        for place in range(bins)
    ]
    return table, gaps


def _label_error(claims: _Floats, truths: _Floats, bins: int) -> _Floats:
    gaps = np.zeros(bins)
    np.add.at(gaps, _places(claims, bins), truths - claims)
    return _error(gaps, len(claims))


def _places(claims: _Floats, bins: int) -> NDArray[np.int64]:
    """The bin of each; its lower edge belongs to it. NaN, of which nothing will come but NaN, may be in any."""
    return np.minimum((np.nan_to_num(claims) * bins).astype(np.int64), bins - 1)


def _error(gaps: _Floats, claims: int) -> _Floats:
    """The calibration error of the gaps of all bins, [..., bins]."""
    error: _Floats = np.abs(gaps).sum(axis=-1) / claims
    return error


def _centred(value: float, samples: _Floats) -> Estimate:
    """Resamples add their own chance to every distance, so that all are too large by as much: this is taken off."""
    return Estimate.of(value, samples - samples.mean() + value)
