"""Checks of the worst of all slices."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from components.core.verdict import Check
from components.evaluation.checks.bounds import bound_check
from components.evaluation.checks.changes import Loss, largest_loss_check
from components.evaluation.checks.words import MAX, METRICS, check_name, is_number, prefix_of, value_of
from components.evaluation.limits import SliceLimits

__all__ = ["slice_checks"]


def slice_checks(heads: Sequence[Mapping[str, Any]], limits: SliceLimits) -> list[Check]:
    """Holds the slices of every head against their bounds; one that no slice can be held against fails.

    Args:
        heads: their documents, with `slices` as `components.evaluation.slice_measurement` writes them.
        limits: of every slice that is large enough.
    """
    if not limits.any_set():
        return []
    found: list[Check] = []
    for document in heads:
        found += _of_head(document, limits, prefix_of(document, heads))
    held = {check.name.rpartition("slices.")[2] for check in found}
    return found + [
        bound_check(f"slices.{name}", None, limit, f"{METRICS[name.removeprefix(MAX)]} of a slice")
        for name, limit in limits.figures().items()
        if name not in held
    ]


def _of_head(document: Mapping[str, Any], limits: SliceLimits, prefix: str) -> Iterator[Check]:
    main = "pearson" if document["task"] == "regression" else "micro_f1"
    chosen = None if limits.slices is None else {_shown(name) for name in limits.slices}
    large = {
        f"{part['column']}: {part['value']}": part
        for part in document["slices"]
        if part["rows"] >= limits.min_rows
        and (chosen is None or _shown(part["column"]) in chosen)
        and part.get("labels") != 0
    }
    if not large:
        message = (
            f"no slice of {limits.min_rows} rows with a label was measured; lower evaluator.slice_limits.min_rows or "
            "change evaluator.slices"
        )
        yield Check(check_name(prefix, "slices"), None, None, False, message)
        return
    for name, limit in limits.figures().items():
        metric = name.removeprefix(MAX)
        if any(metric in part for part in large.values()):
            values = {shown: value_of(part.get(metric)) for shown, part in large.items()}
            yield _worst_check(check_name(prefix, "slices", name), values, limit, metric)
    if limits.max_gap is not None:
        gaps = {shown: Loss.of(part.get("against_whole", {})) for shown, part in large.items()}
        yield _gap_check(check_name(prefix, "slices.max_gap"), gaps, limits.max_gap, METRICS[main])
    if limits.max_drop is not None:
        yield _drop_check(
            check_name(prefix, "slices.max_drop"), document, large, limits.max_drop, METRICS[main]
        )


def _shown(division: str) -> str:
    """What is built in is called `text_length` where it is configured, and `text length` in reports."""
    return division.replace("_", " ")


def _worst_check(name: str, values: Mapping[str, float | None], limit: float, metric: str) -> Check:
    """The worst slice against a bound; one without a value is the worst."""
    highest = name.rpartition(".")[2].startswith(MAX)

    def badness(shown: str) -> float:
        value = values[shown]
        if value is None or not is_number(value):
            return float("inf")
        return value if highest else -value

    worst = max(values, key=badness)
    return bound_check(name, values[worst], limit, f"{METRICS[metric]} of the worst slice", note=worst)


def _gap_check(name: str, gaps: Mapping[str, Loss], limit: float, metric: str) -> Check:
    unknown = [shown for shown, gap in gaps.items() if not gap.is_known]
    if unknown:
        return Check(name, None, limit, False, f"the gap of {unknown[0]} could not be measured")
    broken = {shown: gap for shown, gap in gaps.items() if gap.exceeds(limit)}
    shown, gap = max((broken or gaps).items(), key=lambda item: item[1].value or 0.0)
    value = gap.value or 0.0
    lies = f"{metric} of {shown} is {abs(value):.3f} {'below' if value > 0 else 'above'} that of all rows"
    told = f"{lies} (95 % interval {gap.low:+.3f} to {gap.high:+.3f} below)"
    if broken:
        return Check(name, value, limit, False, f"{told}; at most {limit:.3f} is allowed")
    within = "within the noise of this split" if value > limit else "within the limit"
    return Check(name, value, limit, True, f"{told}, {within}")


def _drop_check(
    name: str, document: Mapping[str, Any], large: Mapping[str, Mapping[str, Any]], limit: float, metric: str
) -> Check:
    baseline = document["baseline"]
    if "changes" not in baseline:
        return Check(name, None, limit, True, f"{metric} of slices has no baseline: {baseline['note']}")
    losses = {shown: Loss.of(part.get("against_baseline", {})) for shown, part in large.items()}
    return largest_loss_check(name, losses, limit, metric=metric, against="the last blessed model")
