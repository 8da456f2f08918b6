"""The report's sections as plain values for the templates; None = the run has nothing for it."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.report.charts import bin_counts, histogram, line_chart
from pipeline.report.collect import ReportData
from pipeline.report.exports import export_rows

__all__ = [
    "balance",
    "labels",
    "left_out",
    "lengths",
    "overlapping_texts",
    "repeated_rows",
    "stages",
    "training",
]


def left_out(data: ReportData) -> list[dict[str, str]]:
    """The sections (`name`) that the run has nothing for, each with one sentence why (`reason`)."""
    present = {
        "Checks": ("evaluator", data.model_verdict is not None),
        "Quality by label, slices, errors": ("evaluator", data.metrics is not None),
        "Training": ("trainer", training(data) is not None),
        "Data": ("example_gen", data.examples is not None),
        "Anomalies": ("example_validator", data.anomalies is not None),
        "Label balance": ("statistics_gen", balance(data) is not None),
        "Exports": ("saved_model_exporter", bool(export_rows(data))),
        "Proof of the exports": ("infra_validator", data.parity is not None),
    }
    return [
        {"name": name, "reason": _absence(data, stage)}
        for name, (stage, there) in present.items()
        if not there
    ]


def _absence(data: ReportData, stage: str) -> str:
    result = data.stages.get(stage)
    if result is None:
        return f"{stage} was no part of this run."
    if result["state"] == "REFUSED":
        return f"{stage} was not run, for the reason at the top."
    return f"{stage} left nothing to show."


def labels(data: ReportData) -> list[dict[str, Any]] | None:
    """The per-label table of `metrics.json`, best F1 first."""
    if data.metrics is None:
        return None
    return sorted(data.metrics["labels"], key=lambda row: (-(row["f1"]["value"] or 0.0), row["label"]))


def training(data: ReportData) -> dict[str, Any] | None:
    """Curves of the loss and of the validation macro-F1, and the figures behind them by epoch."""
    epochs: Sequence[Mapping[str, Any]] = (data.training or {}).get("epochs") or []
    if not epochs or data.training is None:
        return None
    numbers = [epoch["epoch"] for epoch in epochs]
    best = data.training.get("best_epoch")
    curves = {
        key: line_chart(numbers, [epoch[key] for epoch in epochs], marked=best)
        for key in ("loss", "validation_loss", "validation_macro_f1")
        if all(epoch.get(key) is not None for epoch in epochs)
    }
    return {"epochs": epochs, "best_epoch": best, "curves": curves, "facts": data.training}


def balance(data: ReportData) -> dict[str, Any] | None:
    """How often each label occurs in each split, most frequent in training first."""
    if data.statistics is None:
        return None
    splits = data.statistics["splits"]
    leading = next(iter(splits), None)
    if leading is None:
        return None
    rows = {split: document["rows"] for split, document in splits.items()}
    counted = [
        {
            "label": label,
            "counts": {split: document["label_counts"].get(label, 0) for split, document in splits.items()},
            "share": count / max(1, rows[leading]),
        }
        for label, count in splits[leading]["label_counts"].items()
    ]
    counted.sort(key=lambda row: (-row["share"], row["label"]))
    largest = max((row["share"] for row in counted), default=0.0)
    return {"leading": leading, "splits": rows, "labels": counted, "largest_share": largest or 1.0}


def repeated_rows(data: ReportData) -> int:
    """Rows whose text stands in an earlier row of the same split already."""
    documents = (data.statistics or {}).get("splits", {}).values()
    return sum(document.get("duplicates", {}).get("surplus_rows", 0) for document in documents)


def overlapping_texts(data: ReportData) -> int:
    """Texts that occur in two splits, summed over pairs of splits."""
    return sum(overlap["texts"] for overlap in (data.statistics or {}).get("overlaps", ()))


def lengths(data: ReportData) -> list[dict[str, Any]]:
    """Histograms of text lengths: words as StatisticsGen counts them, tokens as the model reads them."""
    found = []
    for split, document in (data.statistics or {}).get("splits", {}).items():
        words = document.get("length_words") or {}
        if words.get("histogram"):
            shown = histogram(words["histogram"]["edges"], words["histogram"]["counts"])
            median, p95, longest = (_whole(words[key]) for key in ("median", "p95", "max"))
            found.append(
                {
                    "title": f"Words per text, {split}",
                    "note": f"half have up to {median}, 95 % up to {p95}, the longest has {longest}",
                    "chart": shown,
                }
            )
        break
    for split, by_length in (data.token_lengths or {}).items():
        counts = {int(tokens): rows for tokens, rows in by_length.items()}
        if counts:
            found.append(
                {
                    "title": f"Tokens per text, {split}",
                    "note": _truncation(data, split, max(counts)),
                    "chart": histogram(*bin_counts(counts)),
                }
            )
        break
    return found


def stages(data: ReportData) -> list[dict[str, Any]]:
    """One row a stage, in the order in which they were run."""
    longest = max((stage["seconds"] for stage in data.stages.values()), default=0.0)
    return [
        {"name": name, **stage, "share": stage["seconds"] / longest if longest else 0.0}
        for name, stage in data.stages.items()
    ]


def _truncation(data: ReportData, split: str, longest: int) -> str:
    document = (data.transformed or {}).get("splits", {}).get(split, {})
    truncated = document.get("truncated")
    note = f"[CLS] and [SEP] included, the longest has {longest}"
    return note if truncated is None else f"{note}; {truncated:,} cut to fit the model"


def _whole(value: float) -> str:
    return f"{value:,.0f}"
