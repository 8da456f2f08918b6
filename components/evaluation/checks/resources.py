"""Checks of a model's size and of the time that a text takes."""

from collections.abc import Iterator, Mapping
from typing import Any

from components.core.verdict import Check
from components.evaluation.checks.words import is_number
from components.evaluation.limits import LatencyLimits, SizeLimits

__all__ = ["latency_checks", "size_checks"]


def size_checks(size: Mapping[str, int] | None, limits: SizeLimits) -> Iterator[Check]:
    """Holds `parameters` and `bytes` of `metrics.json` against their bounds."""
    measured = size or {}
    for name, limit in (("parameters", limits.max_parameters), ("bytes", limits.max_bytes)):
        if limit is not None:
            value = measured.get(name)
            yield _at_most(
                f"size.max_{name}", value, limit, f"the model has {_number(value)} {name}", _number(limit)
            )


def latency_checks(latency: Mapping[str, Any] | None, limits: LatencyLimits) -> Iterator[Check]:
    """Holds times against their bounds; the ratio to a model that is not there passes.

    Args:
        latency: of `metrics.json`: `texts`, `tokens` (median), `median_ms`, `p95_ms` and, with a baseline,
            `baseline_median_ms` and `ratio`.
        limits: longest times.
    """
    measured = latency or {}
    asked = f"of {measured.get('texts', 'no')} texts of {measured.get('tokens', 'no')} tokens (median), one at a time"
    for name, limit in (("median_ms", limits.max_median_ms), ("p95_ms", limits.max_p95_ms)):
        if limit is not None:
            value = measured.get(name)
            what = "the median" if name == "median_ms" else "the 95th percentile"
            shown = f"{value:.1f}" if is_number(value) else "not measured"
            yield _at_most(
                f"latency.max_{name}", value, limit, f"{what} {asked} is {shown} ms", f"{limit:.1f} ms"
            )
    if limits.max_ratio is not None:
        yield _ratio_check(measured, limits.max_ratio)


def _ratio_check(measured: Mapping[str, Any], limit: float) -> Check:
    name = "latency.max_ratio"
    if measured and "ratio" not in measured:
        return Check(name, None, limit, True, "the median time has no baseline: first model")
    ratio = measured.get("ratio")
    if not is_number(ratio):
        return Check(
            name, None, limit, False, "the ratio to the last blessed model's time could not be measured"
        )
    told = (
        f"a text takes {ratio:.2f} times what it takes the last blessed model "
        f"({measured['median_ms']:.1f} and {measured['baseline_median_ms']:.1f} ms)"
    )
    return _at_most(name, ratio, limit, told, f"{limit:.2f} times")


def _at_most(name: str, value: float | None, limit: float, told: str, allowed: str) -> Check:
    check = Check.at_most(name, value, limit, "")
    judged = "at most" if check.passed else "above the allowed"
    return Check(name, value, limit, check.passed, f"{told}, {judged} {allowed}")


def _number(value: float | None) -> str:
    return "an unknown number of" if value is None else f"{value:,}"
