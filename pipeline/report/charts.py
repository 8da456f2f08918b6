"""Geometry of the report's charts; the templates draw it as inline SVG."""

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

__all__ = [
    "bin_counts",
    "histogram",
    "line_chart",
    "nice_ticks",
    "quantile_strip",
    "scatter_chart",
    "share_strip",
]

_WIDTH, _HEIGHT = 320.0, 200.0
_FLAT = 1e-6
"""Spans below this, relative to values above 1, are drawn as one value."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 14.0, 14.0, 34.0


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round numbers that span low to high (Heckbert, "Nice numbers for graph labels", 1990)."""
    if high - low <= _FLAT * max(1.0, abs(low), abs(high)):
        high = low + (abs(low) if abs(low) > _FLAT else 1.0)
    raw = (high - low) / max(1, count - 1)
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if factor * magnitude >= raw * (1 - 1e-9))
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]


def line_chart(xs: Sequence[float], ys: Sequence[float], *, marked: float | None = None) -> dict[str, Any]:
    """A line through at least one point.

    Args:
        xs: ascending.
        ys: one for each x.
        marked: the x of the point to set apart, or None.
    """
    ticks = nice_ticks(min(ys), max(ys))
    x_low, x_high = (min(xs), max(xs)) if max(xs) > min(xs) else (min(xs) - 0.5, max(xs) + 0.5)
    points = [
        {"x": _across(x, x_low, x_high), "y": _up(y, ticks), "marked": x == marked, "value": y, "at": x}
        for x, y in zip(xs, ys, strict=True)
    ]
    return {
        **_frame(ticks),
        "points": points,
        "path": "M" + "L".join(f"{point['x']:.1f} {point['y']:.1f}" for point in points),
        "x_ticks": [{"at": _across(x, x_low, x_high), "label": f"{x:g}"} for x in _thinned(xs, 12)],
    }


def histogram(
    edges: Sequence[float], counts: Sequence[float], *, limit: float | None = None
) -> dict[str, Any]:
    """Columns over neighbouring intervals.

    Args:
        edges: ascending, one more than there are columns.
        counts: height of each column; at least one.
        limit: where to draw a line across, if it is within the edges.
    """
    ticks = nice_ticks(0, max(counts))
    low, high = edges[0], edges[-1] if edges[-1] > edges[0] else edges[0] + 1
    columns = [
        {
            "x": _across(start, low, high),
            "width": max(0.5, _across(end, low, high) - _across(start, low, high) - 1),
            "y": _up(count, ticks),
            "height": _HEIGHT - _BOTTOM - _up(count, ticks),
            "start": start,
            "end": end,
            "count": count,
        }
        for start, end, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
    shown = [tick for tick in nice_ticks(low, high, 5) if low <= tick <= high]
    x_ticks = [{"at": _across(tick, low, high), "label": f"{tick:g}"} for tick in shown]
    mark = (
        None if limit is None or not low <= limit <= high else {"x": _across(limit, low, high), "at": limit}
    )
    return {**_frame(ticks), "columns": columns, "x_ticks": x_ticks, "limit": mark}


def scatter_chart(
    points: Sequence[Mapping[str, Any]],
    *,
    logarithmic: bool = False,
    names: Sequence[str] | None = None,
    curve: Sequence[float] | None = None,
) -> dict[str, Any]:
    """At least one point.

    Args:
        points: each with `x`, `y` and whatever the template needs of it.
        logarithmic: whether equal distances along x are equal ratios; all x are above 0 then.
        names: what x = 0, 1, … stand for, if they are no numbers.
        curve: heights of a line through the points' x, one for each, or None.
    """
    xs = [float(point["x"]) for point in points]
    heights = [*(float(point["y"]) for point in points), *(curve or ())]
    ticks = nice_ticks(min(heights), max(heights))
    low, high = (-0.5, len(names) - 0.5) if names else (min(xs), max(xs))
    if low == high:
        low, high = (low / 2, high * 2) if logarithmic else (low - 0.5, high + 0.5)

    def across(x: float) -> float:
        return _across(math.log(x), math.log(low), math.log(high)) if logarithmic else _across(x, low, high)

    if names:
        x_ticks = [{"at": across(place), "label": name} for place, name in enumerate(names)]
    else:
        shown = _log_ticks(low, high) if logarithmic else nice_ticks(low, high, 5)
        x_ticks = [{"at": across(x), "label": f"{x:g}"} for x in shown if low <= x <= high]
    path = [f"{across(x):.1f} {_up(y, ticks):.1f}" for x, y in zip(xs, curve or (), strict=False)]
    return {
        **_frame(ticks),
        "points": [
            {**point, "x": across(x), "y": _up(point["y"], ticks)}
            for x, point in zip(xs, points, strict=True)
        ],
        "path": "M" + "L".join(path) if path else None,
        "x_ticks": x_ticks,
    }


def _log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times the powers of ten in between; the powers alone where those are many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1,) if len(powers) > 3 else (1, 2, 5)
    return [
        factor * 10.0**power for power in powers for factor in factors if low <= factor * 10.0**power <= high
    ]


def quantile_strip(profile: Mapping[str, Any], reach: float) -> dict[str, float | bool]:
    """Where the figures of a profile stand on a strip from 0 to `reach`, in percent of it.

    Args:
        profile: `min`, `median`, `p95` and `max`.
        reach: above 0; what is longer stands at the end, and `beyond` is true then.
    """
    places = {key: 100 * min(1.0, profile[key] / reach) for key in ("min", "median", "p95", "max")}
    return {**places, "beyond": profile["max"] > reach}


def share_strip(counts: Sequence[int]) -> list[dict[str, float]]:
    """Neighbouring pieces of one strip of 100: where each starts, how wide it is, and its share (0-1) of the sum."""
    total = sum(counts) or 1
    starts = [0, *accumulate(counts)]
    return [
        {"x": 100 * start / total, "width": 100 * count / total, "share": count / total}
        for start, count in zip(starts, counts, strict=False)
    ]


def bin_counts(counts: Mapping[int, int], *, bins: int = 32) -> tuple[list[float], list[int]]:
    """Gathers counts by whole number into at most `bins` intervals of equal width: edges and heights."""
    low, high = min(counts), max(counts)
    width = math.ceil((high - low + 1) / bins)
    heights = [0] * ((high - low) // width + 1)
    for number, count in counts.items():
        heights[(number - low) // width] += count
    return [float(low + index * width) for index in range(len(heights) + 1)], heights


def _frame(ticks: Sequence[float]) -> dict[str, Any]:
    decimals = next(count for count in range(11) if all(round(tick, count) == tick for tick in ticks))
    return {
        "width": _WIDTH,
        "height": _HEIGHT,
        "left": _LEFT,
        "right": _WIDTH - _RIGHT,
        "bottom": _HEIGHT - _BOTTOM,
        "y_ticks": [{"at": _up(tick, ticks), "label": f"{tick:,.{decimals}f}"} for tick in ticks],
    }


def _across(value: float, low: float, high: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (value - low) / (high - low)


def _up(value: float, ticks: Sequence[float]) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * (value - ticks[0]) / (ticks[-1] - ticks[0])


def _thinned(values: Sequence[float], limit: int) -> list[float]:
    return list(values[:: math.ceil(len(values) / limit)])
