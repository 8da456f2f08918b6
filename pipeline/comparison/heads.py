"""What became of the figures of a head that both runs have."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from components.evaluation.head_measurement import compare_heads, measure_head
from components.evaluation.head_rows import HeadRows
from components.evaluation.reliability_config import ReliabilityConfig
from pipeline.comparison.answers import EvaluatedRun, Pairing
from pipeline.comparison.flips import flips

__all__ = ["head_changes"]

_BOUNDS = ("value", "low", "high")
_CALIBRATION = ("ece", "brier")


def head_changes(pairing: Pairing, *, resamples: int, seed: int, shown: int) -> list[dict[str, Any]]:
    """One object for each head that both runs have and that answers the same kind of thing.

    Args:
        pairing: of the runs.
        resamples: of the paired bootstrap.
        seed: likewise.
        shown: texts at most whose decisions changed, of each direction.

    Returns:
        `head`, `task`, `paired` with `note` (why not), `metrics` (`metric` and the figures `before`, `after`,
        `change`), of labels `labels` (`label`, `support`, `before`, `after` (F1), `change`, `threshold_before`,
        `threshold_after`), `labels_added` and `labels_removed`, and where the same texts were evaluated `flips`.
    """
    before, after = pairing.before, pairing.after
    theirs = {head.name: head for head in before.heads}
    documents = []
    for head in after.heads:
        other = theirs.get(head.name)
        if other is None or other.task != head.task:
            continue
        note = pairing.why_not
        if not note and head.outputs != other.outputs:
            note = "the head answers other labels"
        rows, rows_before = (run.head_rows().get(head.name) for run in (after, before))
        if not note and (rows is None or rows_before is None or not _same_truth(rows, rows_before)):
            note = "what is right for some of the texts was changed"
        documents.append(
            {
                "head": head.name,
                "task": head.task,
                "paired": not note,
                "note": note,
                **_figures(_document(before, head.name), _document(after, head.name)),
                "labels_added": [name for name in head.outputs if name not in other.outputs],
                "labels_removed": [name for name in other.outputs if name not in head.outputs],
            }
        )
        if not note and rows is not None and rows_before is not None:
            _pair_figures(documents[-1], rows, rows_before, resamples=resamples, seed=seed)
            if head.task != "regression":
                documents[-1]["flips"] = flips(after, rows, rows_before, shown=shown)
    return documents


def _document(run: EvaluatedRun, head: str) -> Mapping[str, Any]:
    """What `metrics.json` says of a head; of an only one, older files say it at the top alone."""
    documents = run.metrics.get("heads") or [{"head": head, **run.metrics}]
    found = next(document for document in documents if document["head"] == head)
    return {
        **found,
        **{name: found["calibration"][name] for name in _CALIBRATION if found.get("calibration")},
    }


def _same_truth(rows: HeadRows, others: HeadRows) -> bool:
    return np.array_equal(rows.rows, others.rows) and np.array_equal(rows.targets, others.targets)


def _figures(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Figures of both documents and their differences, as if the texts had nothing in common."""
    outputs = [{row["label"]: row for row in document.get("labels", ())} for document in (before, after)]
    return {
        "metrics": [
            {"metric": name, **_compared(before[name], after[name])}
            for name in after
            if name in before and _is_figure(after[name]) and name != "rows"
        ],
        "labels": [
            {
                "label": label,
                "support": row["support"],
                **_compared(outputs[0][label]["f1"], row["f1"]),
                "threshold_before": outputs[0][label]["threshold"],
                "threshold_after": row["threshold"],
            }
            for label, row in outputs[1].items()
            if label in outputs[0]
        ],
    }


def _is_figure(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(bound in value for bound in _BOUNDS)
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _compared(before: Any, after: Any) -> dict[str, Any]:
    old, new = (value if isinstance(value, Mapping) else {"value": value} for value in (before, after))
    return {"before": old, "after": new, "change": _unpaired(old, new)}


def _unpaired(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, float | None]:
    """The difference of two figures of different texts: the squares of their intervals' halves add up."""
    if before["value"] is None or after["value"] is None:
        return {"value": None}
    change = after["value"] - before["value"]
    bounds = [figure.get(bound) for figure in (before, after) for bound in ("low", "high")]
    if None in bounds:
        return {"value": change}
    below = math.hypot(after["value"] - after["low"], before["high"] - before["value"])
    above = math.hypot(after["high"] - after["value"], before["value"] - before["low"])
    return {"value": change, "low": change - below, "high": change + above}


def _pair_figures(
    document: dict[str, Any], rows: HeadRows, before: HeadRows, *, resamples: int, seed: int
) -> None:
    """Puts the paired differences in place of those that take the texts for different ones."""
    measured = measure_head(rows, resamples=resamples, seed=seed)
    bins = ReliabilityConfig().bins
    compared = compare_heads(measured, rows, before, bins=bins, resamples=resamples, seed=seed)
    for row in document["metrics"]:
        if row["metric"] in compared["changes"]:
            row["change"] = compared["changes"][row["metric"]]
        else:
            row["change"] = {"value": row["change"]["value"]}
    by_label = {row["label"]: row for row in compared.get("label_changes", ())}
    for row in document["labels"]:
        row["change"] = {bound: by_label[row["label"]][bound] for bound in _BOUNDS}
