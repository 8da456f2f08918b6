"""How long texts are, in characters, in words, and in tokens as the model reads them."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from pipeline.report.charts import bin_counts, histogram, quantile_strip
from pipeline.report.collect import ReportData

__all__ = ["lengths", "token_profile"]

_UNITS = ("characters", "words", "tokens")
_DRAWN = 0.999
"""Share (0-1) of the texts that a histogram shows at least."""


def lengths(data: ReportData) -> dict[str, Any] | None:
    """For each unit one row of figures a split and the histogram of the leading split."""
    units = [unit for unit in (_unit(data, name) for name in _UNITS) if unit]
    return {"units": units, "truncation": _truncation(data)} if units else None


def _unit(data: ReportData, name: str) -> dict[str, Any] | None:
    profiles = _profiles(data, name)
    if not profiles:
        return None
    leading, first = next(iter(profiles.items()))
    limit = data.max_tokens if name == "tokens" else None
    edges, counts, beyond = _without_tail(**first["histogram"])
    reach = _reach(list(profiles.values()))
    return {
        "name": name,
        "leading": leading,
        "chart": histogram(edges, counts, limit=limit),
        "beyond": beyond,
        "median": first["median"],
        "p95": first["p95"],
        "rows": [
            {"split": split, **profile, "strip": quantile_strip(profile, reach)}
            for split, profile in profiles.items()
        ],
    }


def _without_tail(
    edges: Sequence[float], counts: Sequence[int]
) -> tuple[Sequence[float], Sequence[int], int]:
    """The histogram up to where all but one in a thousand are, and how many are beyond.

    One text of 10,000 characters would else press all others into the first column.
    """
    reached = accumulate(counts)
    columns = next(number for number, total in enumerate(reached, 1) if total >= _DRAWN * sum(counts))
    return edges[: columns + 1], counts[:columns], sum(counts[columns:])


def _profiles(data: ReportData, name: str) -> dict[str, Mapping[str, Any]]:
    """By split; tokens as Transform counted them, with [CLS] and [SEP], before those of StatisticsGen."""
    if name == "tokens" and data.token_lengths:
        counted = {
            split: {int(tokens): rows for tokens, rows in by_length.items()}
            for split, by_length in data.token_lengths.items()
        }
        return {split: token_profile(counts) for split, counts in counted.items() if counts}
    splits = (data.statistics or {}).get("splits") or {}
    found = {split: document.get(f"length_{name}") for split, document in splits.items()}
    return {split: profile for split, profile in found.items() if profile and profile.get("histogram")}


def token_profile(counts: Mapping[int, int]) -> dict[str, Any]:
    """The profile of lengths that were counted one by one, in the shape of those in `statistics.json`."""
    ordered = sorted(counts.items())
    total = sum(counts.values())
    cumulative = list(accumulate(rows for _, rows in ordered))

    def at(rank: float) -> float:
        return next(
            length for (length, _), reached in zip(ordered, cumulative, strict=True) if reached > rank
        )

    edges, heights = bin_counts(counts)
    return {
        "min": ordered[0][0],
        "mean": sum(length * rows for length, rows in ordered) / total,
        "median": at(0.5 * (total - 1)),
        "p95": at(0.95 * (total - 1)),
        "max": ordered[-1][0],
        "histogram": {"edges": edges, "counts": heights},
    }


def _reach(profiles: list[Mapping[str, Any]]) -> float:
    """Where the strips end: at the longest text, or well before it where one text would press all others flat."""
    longest = max(profile["max"] for profile in profiles)
    usual = max(profile["p95"] for profile in profiles)
    return float(min(longest, 3 * usual)) or 1.0


def _truncation(data: ReportData) -> dict[str, Any] | None:
    """The limit in tokens, and by split how many texts it cut."""
    splits = (data.transformed or {}).get("splits") or {}
    cut = {split: document["truncated"] for split, document in splits.items() if "truncated" in document}
    if data.max_tokens is None or not cut:
        return None
    rows = sum(splits[split].get("rows", 0) for split in cut)
    total = sum(cut.values())
    return {"limit": data.max_tokens, "cut": cut, "total": total, "share": total / rows if rows else 0.0}
