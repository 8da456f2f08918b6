"""How good a head is on every slice, how that differs from the whole and from the last blessed model.

All slices are measured in the same resamples of all rows, so that their differences are paired, and the bounds of these
hold for all slices at once: with thirty slices, one that looks bad by chance alone is to be expected.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluation.accumulators.regression import numbers
from components.evaluation.agreement import SUMS, Agreement, products
from components.evaluation.bootstrap import Interval, resample_sums, simultaneous_intervals
from components.evaluation.head_rows import HeadRows
from components.evaluation.metrics import Counts, f1_of
from components.evaluation.slices import Slice

__all__ = ["measure_slices", "slice_table"]

_Floats = NDArray[np.float64]


def measure_slices(
    slices: Iterable[Slice],
    rows: HeadRows,
    baseline: HeadRows | None = None,
    *,
    min_rows: int,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Every slice of which a head knows at least `min_rows` rows but not all that it knows, as JSON values.

    Args:
        slices: parts of all rows.
        rows: what the head answered.
        baseline: the same rows as the last blessed model answered them.
        min_rows: rows below which a slice is left out.
        resamples: of the bootstrap.
        seed: likewise.

    Returns:
        `slices`, one object a slice: `column`, `value`, `rows`, the head's figures (`micro_f1` of labels with `labels`,
        the number of those that occur, and `macro_f1`, their mean; `pearson` and `mae` of numbers), and as differences
        of micro-F1 (Pearson) `against_whole` and, with a baseline, `against_baseline`; the intervals of the differences
        hold for all slices at once. `worst_slice`: `slice`, `metric`, `value`, `low`, `high` (likewise) and `support`;
        absent if there is no slice, or none of which a text has a label.
    """
    chosen = [part for part in slices if min_rows <= np.count_nonzero(part.rows[rows.rows]) < len(rows)]
    if not chosen:
        return {"slices": []}
    masks = np.stack([np.ones(len(rows), np.bool_), *(part.rows[rows.rows] for part in chosen)], axis=1)
    own = _Measured.of(rows, masks, resamples=resamples, seed=seed)
    against = {"against_whole": _differences(own.less_first())}
    if baseline is not None:
        theirs = _Measured.of(baseline, masks, resamples=resamples, seed=seed)
        against["against_baseline"] = _differences(own.less(theirs))
    table = [
        {
            "column": part.column,
            "value": part.value,
            **_figures(rows.within(part.rows), own, place + 1),
            **{name: differences[place] for name, differences in against.items()},
        }
        for place, part in enumerate(chosen)
    ]
    # Without a label, micro-F1 is 0 whatever the model does.
    places = [place for place, part in enumerate(table) if part.get("labels") != 0]
    worst = {"worst_slice": _worst(chosen, places, rows, own)} if places else {}
    return {"slices": table, **worst}


def slice_table(slices: Iterable[Slice], rows: HeadRows, **settings: Any) -> list[dict[str, Any]]:
    """The `slices` of `measure_slices`."""
    table: list[dict[str, Any]] = measure_slices(slices, rows, **settings)["slices"]
    return table


@dataclass(frozen=True)
class _Measured:
    """The main figure of each part of the rows.

    Attributes:
        values: float64 [parts].
        samples: float64 [resamples, parts].
        errors: mean absolute error with its samples, of numbers; None of labels.
    """

    values: _Floats
    samples: _Floats
    errors: "_Measured | None" = None

    @classmethod
    def of(cls, rows: HeadRows, masks: NDArray[np.bool_], *, resamples: int, seed: int) -> "_Measured":
        """Measures parts of the rows, bool [rows, parts]."""
        sums, centres = _sums(rows)
        parts = (sums[:, None, :] * masks[:, :, None]).reshape(len(rows), -1)
        shape = (masks.shape[1], sums.shape[1])
        whole = parts.sum(axis=0, dtype=np.float64).reshape(shape)
        drawn = resample_sums(parts, resamples=resamples, seed=seed).reshape(-1, *shape)
        if rows.head.task != "regression":
            return cls(_micro_f1(whole), _micro_f1(drawn))
        # A part of which a resample draws no row agrees with nothing.
        with np.errstate(invalid="ignore"):
            ours, theirs = (
                Agreement(each.reshape(*each.shape[:-1], -1, SUMS), centres) for each in (whole, drawn)
            )
            errors = cls(ours.mae.mean(axis=-1), theirs.mae.mean(axis=-1))
            return cls(ours.pearson.mean(axis=-1), theirs.pearson.mean(axis=-1), errors)

    def less(self, other: "_Measured") -> "_Measured":
        """The differences to another model, of the parts after the first, which is the whole."""
        return _Measured(self.values[1:] - other.values[1:], self.samples[:, 1:] - other.samples[:, 1:])

    def less_first(self) -> "_Measured":
        """The differences of the parts to the first."""
        return _Measured(self.values[1:] - self.values[0], self.samples[:, 1:] - self.samples[:, :1])

    def estimate(self, place: int) -> dict[str, float]:
        """A part's value and its own 95 % interval."""
        interval = Interval.of(self.samples[:, place])
        return {"value": float(self.values[place]), "low": interval.low, "high": interval.high}


def _sums(rows: HeadRows) -> tuple[NDArray[Any], _Floats]:
    """What adds up over rows, [rows, sums]: true and false positives, false negatives; or what agreement is made of.

    With the centres of numbers, float64 [2, targets].
    """
    if rows.head.task == "regression":
        summands, centres = products(numbers(rows), rows.targets)
        return summands.reshape(len(rows), -1), centres
    decided, labelled = rows.decisions, rows.targets.astype(np.bool_)
    outcomes = (decided & labelled, decided & ~labelled, ~decided & labelled)
    counts = np.stack([outcome.sum(axis=1) for outcome in outcomes], axis=1)
    return counts.astype(np.float32), np.zeros((2, 0))


def _micro_f1(sums: _Floats) -> _Floats:
    return f1_of(sums[..., 0], sums[..., 1], sums[..., 2])


def _differences(measured: _Measured) -> list[dict[str, float]]:
    low, high = simultaneous_intervals(measured.values, measured.samples)
    bounds = zip(measured.values.tolist(), low.tolist(), high.tolist(), strict=True)
    return [{"value": value, "low": lowest, "high": highest} for value, lowest, highest in bounds]


def _figures(part: HeadRows, measured: _Measured, place: int) -> dict[str, Any]:
    if measured.errors is not None:
        own = {"pearson": measured.estimate(place), "mae": measured.errors.estimate(place)}
        return {"rows": len(part), **own}
    counts = Counts.of(part.decisions, part.targets)
    occurring = counts.support > 0
    return {
        "rows": len(part),
        "labels": int(occurring.sum()),
        "macro_f1": float(counts.f1[occurring].mean()) if occurring.any() else None,
        "micro_f1": measured.estimate(place),
    }


def _worst(
    chosen: Sequence[Slice], places: Sequence[int], rows: HeadRows, measured: _Measured
) -> dict[str, Any]:
    """The slice with the lowest figure, of those at `places`; the least certain one if a figure is no number."""
    values, samples = measured.values[1:][places], measured.samples[:, 1:][:, places]
    low, high = simultaneous_intervals(values, samples)
    place = int(values.argmin())
    part, is_label = chosen[places[place]], rows.head.task != "regression"
    lowest, highest = (0.0, 1.0) if is_label else (-1.0, 1.0)
    return {
        "slice": f"{part.column}: {part.value}",
        "metric": "micro_f1" if is_label else "pearson",
        "value": float(values[place]),
        "low": float(np.clip(low[place], lowest, highest)),
        "high": float(np.clip(high[place], lowest, highest)),
        "support": int(np.count_nonzero(part.rows[rows.rows])),
    }
