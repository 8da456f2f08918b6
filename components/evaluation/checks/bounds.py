"""Checks of measured figures against fixed bounds."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.core.verdict import Check
from components.evaluation.checks.words import (
    MAX,
    METRICS,
    check_name,
    is_number,
    prefix_of,
    value_of,
    words,
)
from components.evaluation.limits import QualityThresholds

__all__ = ["bound_check", "finite_scores_check", "quality_checks"]


def finite_scores_check(scores: NDArray[np.float32]) -> Check:
    """Every score must be a number: a model that answers NaN is never blessed.

    Args:
        scores: float [rows, outputs].
    """
    share = float(np.isfinite(scores).mean()) if scores.size else None
    message = "every score is a number"
    if share != 1.0:
        message = "some scores are no numbers (NaN or infinite): training diverged; lower the learning rate"
    return Check.at_least("finite_scores", share, 1.0, message)


def quality_checks(
    heads: Sequence[Mapping[str, Any]],
    limits: QualityThresholds,
    head_limits: Mapping[str, QualityThresholds],
) -> list[Check]:
    """Holds the figures of every head, and of its outputs, against their bounds.

    A bound that no head can be held against fails, and so does the one check there is without any bound.

    Args:
        heads: their documents.
        limits: of every head that has the metric.
        head_limits: by head name, in place of `limits`.
    """
    found: list[Check] = []
    held: set[str] = set()
    for document in heads:
        own = head_limits.get(document["head"])
        checks = dict(
            _head_checks(document, own or limits, prefix_of(document, heads), all_of=own is not None)
        )
        held |= checks.keys() if own is None else set()
        found += checks.values()
    if any(document["head"] not in head_limits for document in heads):
        found += [
            bound_check(name, None, limit, words(name.removeprefix(MAX)))
            for name, limit in limits.figures().items()
            if name not in held
        ]
        found += [
            bound_check(f"{output}.{name}", None, limit, words(name.removeprefix(MAX), output))
            for output, own_limits in limits.outputs().items()
            for name, limit in own_limits.items()
            if f"{output}.{name}" not in held
        ]
    return found or [_nothing_configured(heads)]


def bound_check(
    name: str, value: float | None, limit: float, what: str, *, note: str = "", highest: bool | None = None
) -> Check:
    """A figure against its bound.

    Args:
        name: of the check.
        value: the figure; None if it could not be measured.
        limit: its bound.
        what: the figure in words.
        note: what to add to its value in the message.
        highest: whether the bound is the highest value; None if the last part of the name tells by `max_`.
    """
    if highest is None:
        highest = name.rpartition(".")[2].startswith(MAX)
    check = (Check.at_most if highest else Check.at_least)(name, value, limit, "")
    shown = f"is {value:.3f}" if is_number(value) else "could not be measured"
    kept, broken = ("at most", "above the allowed") if highest else ("at least", "below the required")
    told = f"{what} {shown}{f' ({note})' if note else ''}, {kept if check.passed else broken} {limit:.3f}"
    return Check(name, value, limit, check.passed, told)


def _head_checks(
    document: Mapping[str, Any], limits: QualityThresholds, prefix: str, *, all_of: bool
) -> Iterator[tuple[str, Check]]:
    """Yields each check by the name that its limit has; of limits for all heads, those that this one can be held to."""
    measured, notes = _measured(document)
    for name, limit in limits.figures().items():
        metric = name.removeprefix(MAX)
        if all_of or metric in measured:
            what, note = words(metric, prefix), notes.get(metric, "")
            yield name, bound_check(check_name(prefix, name), measured.get(metric), limit, what, note=note)
    outputs = {row.get("label", row.get("target")): row for row in _output_rows(document)}
    for output, own in limits.outputs().items():
        for name, limit in own.items():
            if all_of or output in outputs:
                metric = name.removeprefix(MAX)
                row = outputs.get(output, {})
                note = f"{row['support']} texts" if "support" in row else ""
                yield (
                    f"{output}.{name}",
                    bound_check(
                        check_name(prefix, output, name),
                        value_of(row.get(metric)),
                        limit,
                        words(metric, prefix, output),
                        note=note,
                    ),
                )


def _output_rows(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    rows: Sequence[Mapping[str, Any]] = (*document.get("labels", ()), *document.get("targets", ()))
    return rows


def _measured(document: Mapping[str, Any]) -> tuple[dict[str, float | None], dict[str, str]]:
    """The value of each metric of a head by name, and what to add to a metric's message."""
    figures = {**document.get("calibration", {}), **document}
    measured = {name: value_of(figures[name]) for name in METRICS if name in figures}
    labels = document.get("labels")
    if not labels:
        return measured, {}
    worst = min(labels, key=lambda row: _lowest_first(row["f1"]["value"]))
    measured["min_label_f1"] = worst["f1"]["value"]
    return measured, {"min_label_f1": f"{worst['label']}, {worst['support']} texts"}


def _lowest_first(value: float | None) -> float:
    """A figure that is missing counts as the lowest."""
    return value if value is not None and is_number(value) else float("-inf")


def _nothing_configured(heads: Sequence[Mapping[str, Any]]) -> Check:
    advised = "pearson" if heads[0]["task"] == "regression" else "macro_f1"
    message = (
        f"no quality threshold is configured: set at least evaluator.thresholds.{advised} to the lowest value "
        "that you would release"
    )
    return Check("thresholds", None, None, False, message)
