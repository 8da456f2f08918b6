"""How a comparison writes its figures."""

from collections.abc import Mapping, Sequence
from typing import Any

from components.evaluation.checks.words import METRICS

__all__ = ["by_change", "change_of", "figure_of", "is_certain", "metric_words", "p_value", "run_names"]

_NONE = "–"


def run_names(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """`run 3`, or `run 3 of starter` if the runs are of several roots."""
    several = len({run["root"] for run in runs}) > 1
    return [f"run {run['run']}" + (f" of {run['root']}" if several else "") for run in runs]


def metric_words(name: str) -> str:
    """`Macro-F1`."""
    words = METRICS.get(name, name.replace("_", " "))
    return words[:1].upper() + words[1:]


def figure_of(figure: Mapping[str, Any]) -> str:
    """`0.512 (0.500 to 0.524)`."""
    return _figure(figure, "{:.3f}")


def change_of(change: Mapping[str, Any]) -> str:
    """`+0.012 (−0.003 to +0.027)`, with true minus signs."""
    return _figure(change, "{:+.3f}").replace("-", "−")


def is_certain(change: Mapping[str, Any]) -> bool:
    """Whether the interval of a change excludes zero."""
    low, high = change.get("low"), change.get("high")
    return low is not None and high is not None and (low > 0 or high < 0)


def by_change(labels: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The labels whose F1 moved most first."""
    return sorted(labels, key=lambda row: -abs(row["change"]["value"] or 0.0))


def p_value(p: float) -> str:
    """`p = 0.031`, or `p < 0.001`."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def _figure(figure: Mapping[str, Any], form: str) -> str:
    value, low, high = (figure.get(bound) for bound in ("value", "low", "high"))
    if value is None:
        return _NONE
    if low is None or high is None:
        return form.format(value)
    return f"{form.format(value)} ({form.format(low)} to {form.format(high)})"
