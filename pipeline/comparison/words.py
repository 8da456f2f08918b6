"""How a comparison writes its figures."""

from collections.abc import Mapping
from typing import Any

from components.evaluation.checks.words import METRICS

__all__ = ["change_of", "figure_of", "is_certain", "metric_words", "p_value"]

_NONE = "–"


def metric_words(name: str) -> str:
    """`Macro-F1`."""
    words = METRICS.get(name, name.replace("_", " "))
    return words[:1].upper() + words[1:]


def figure_of(figure: Mapping[str, Any]) -> str:
    """`0.512 (0.500 to 0.524)`."""
    return _figure(figure, "{:.3f}")


def change_of(change: Mapping[str, Any]) -> str:
    """`+0.012 (-0.003 to +0.027)`."""
    return _figure(change, "{:+.3f}")


def is_certain(change: Mapping[str, Any]) -> bool:
    """Whether the interval of a change excludes zero."""
    low, high = change.get("low"), change.get("high")
    return low is not None and high is not None and (low > 0 or high < 0)


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
