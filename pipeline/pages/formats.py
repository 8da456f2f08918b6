"""How pages and tables write numbers."""

import math
from collections.abc import Sequence

from components.evaluation.checks.words import METRICS

__all__ = [
    "format_bytes",
    "format_count",
    "format_figure",
    "format_moment",
    "format_number",
    "format_percent",
    "format_points",
    "format_score",
    "format_seconds",
    "format_share",
    "format_signed",
    "format_value",
]

_UNITS = {"mb": "MB", "mib": "MiB", "s": "s"}


def format_score(value: float | None) -> str:
    """A probability or F1 with three decimals; an en dash if it could not be measured."""
    return "–" if value is None else f"{value:.3f}"


def format_count(value: int | None) -> str:
    """A whole number with thousands separators; an en dash if there is none."""
    return "–" if value is None else f"{value:,}"


def format_percent(share: float | None) -> str:
    """A share from 0 to 1 in percent, two decimals unless it is all of it; never rounded up to all."""
    if share is None:
        return "–"
    return "100 %" if share == 1 else f"{math.floor(share * 1e4) / 100:.2f} %"


def format_share(share: float | None) -> str:
    """A measured share from 0 to 1 in percent with two decimals; what is not nothing is never rounded to it."""
    if share is None:
        return "–"
    if share in (0, 1):
        return f"{100 * share:.0f} %"
    return "<0.01 %" if share < 5e-5 else f"{min(100 * share, 99.99):.2f} %"


def format_points(difference: float) -> str:
    """The difference of two shares in percentage points, with its sign (a true minus) and two decimals."""
    points = f"{100 * difference:+.2f}".replace("-", "−")
    return "0.00" if points in ("+0.00", "−0.00") else points


def format_signed(difference: float | None) -> str:
    """The difference of two scores with its sign (a true minus) and three decimals."""
    return "–" if difference is None else f"{difference:+.3f}".replace("-", "−").replace("−0.000", "+0.000")


def format_number(value: float | None) -> str:
    """A length or another measure: whole numbers as they are, others with one decimal."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def format_bytes(size: float) -> str:
    """Bytes as B, kB or MB (powers of 1,000, as app stores count), with a decimal below 100."""
    if size < 1e3:
        return f"{size:.0f} B"
    return _with_unit(size / 1e3, "kB") if size < 999_500 else _with_unit(size / 1e6, "MB")


def _with_unit(number: float, unit: str) -> str:
    return f"{number:.1f} {unit}" if number < 99.95 else f"{number:,.0f} {unit}"


def format_moment(moment: str) -> str:
    """A time of the metadata store (ISO 8601, UTC), to the minute."""
    return f"{moment[:16].replace('T', ' ')} UTC"


def format_seconds(seconds: float) -> str:
    """`0.3 s`, `42 s`, `3 min 20 s` or `2 h 05 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def format_figure(name: str, value: object) -> tuple[str, str]:
    """A figure of a summary: what it is called (`macro-F1 low`), and its value with the unit that its name ends in."""
    metric = name.removesuffix("_low").removesuffix("_high")
    if metric in METRICS:
        return METRICS[metric] + name[len(metric) :].replace("_", " "), format_value(value)
    thing, _, unit = name.rpartition("_")
    if unit in _UNITS and thing:
        return thing.replace("_", " "), f"{format_value(value)} {_UNITS[unit]}"
    return name.replace("_", " "), format_value(value)


def format_value(value: object) -> str:
    """A value of a summary, a check or a setting in as few characters as tell it."""
    if value is None:
        return "–"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(format_value, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return str(value)
