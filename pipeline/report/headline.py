"""What stands at the top of the report: the verdict and the few numbers that a reader came for."""

from collections.abc import Iterator, Mapping
from operator import itemgetter
from typing import Any

from pipeline.pages.formats import format_bytes, format_percent, format_score
from pipeline.report.collect import ReportData
from pipeline.report.exports import export_rows

__all__ = ["checks", "key_numbers", "verdict"]

_KEY_METRICS = {
    "multi_label": (("Macro-F1", "macro_f1"), ("Micro-F1", "micro_f1")),
    "single_label": (("Macro-F1", "macro_f1"), ("Accuracy", "accuracy")),
    "ordinal": (("Macro-F1", "macro_f1"), ("Quadratic kappa", "quadratic_kappa")),
    "regression": (("Mean Pearson r", "pearson"), ("Mean concordance", "ccc")),
}


def verdict(data: ReportData) -> dict[str, str]:
    """`mood` (good, bad or open), a headline and a sentence."""
    if data.model_verdict is None:
        if data.refusals:
            return {
                "mood": "bad",
                "headline": "Stopped before training",
                "sentence": _sentence(data.refusals[0]),
            }
        return {
            "mood": "open",
            "headline": "No model judged",
            "sentence": "This run ended before the Evaluator: there is no verdict on a model.",
        }
    if not data.model_verdict["blessed"]:
        reasons = _failed(data.model_verdict)
        return {"mood": "bad", "headline": "Not blessed", "sentence": _sentence("; ".join(reasons))}
    if data.infra_verdict is None:
        return {
            "mood": "good",
            "headline": "Model blessed",
            "sentence": "It keeps every limit. Its exports were not proven in this run.",
        }
    if not data.infra_verdict["blessed"]:
        reasons = _failed(data.infra_verdict)
        return {"mood": "bad", "headline": "Exports not blessed", "sentence": _sentence("; ".join(reasons))}
    return {"mood": "good", "headline": "Blessed", "sentence": _published(data)}


def checks(data: ReportData) -> list[dict[str, Any]]:
    """Every check of the model and of its exports as `verdict.json` has them, failed ones first."""
    verdicts = (data.model_verdict or {}, data.infra_verdict or {})
    return sorted(
        (check for found in verdicts for check in found.get("checks", ())), key=itemgetter("passed")
    )


def key_numbers(data: ReportData) -> list[dict[str, str]]:
    """Tiles of `name`, `value` and `detail`."""
    return list(_key_numbers(data))


def _key_numbers(data: ReportData) -> Iterator[dict[str, str]]:
    if data.metrics is not None:
        heads = data.metrics["heads"]
        for document in heads:
            prefix = f"{document['head']}: " if len(heads) > 1 else ""
            yield from _of_head(document, data.metrics["split"], prefix, most=1 if len(heads) > 1 else 2)
    for row in export_rows(data):
        if row["size_bytes"] is not None:
            latency = row["latency_ms_p50"]
            yield {
                "name": row["name"],
                "value": format_bytes(row["size_bytes"]),
                "detail": "latency not measured" if latency is None else f"{latency:.1f} ms a text, median",
            }
    compared = [row for row in export_rows(data) if row["agreement"] is not None]
    if compared:
        worst = min(compared, key=lambda row: row["agreement"])
        detail = f"as the Keras model, {worst['name']} on {worst['texts']:,} texts"
        yield {"name": "Same decisions", "value": format_percent(worst["agreement"]), "detail": detail}


def _of_head(document: Mapping[str, Any], split: str, prefix: str, *, most: int) -> Iterator[dict[str, str]]:
    """The first metrics of a head."""
    rows = f"{document['rows']:,} {split} texts"
    for name, key in _KEY_METRICS[document["task"]][:most]:
        estimate = document[key]
        span = f"95 %: {format_score(estimate['low'])} to {format_score(estimate['high'])}"
        yield {"name": prefix + name, "value": format_score(estimate["value"]), "detail": f"{span}; {rows}"}


def _failed(document: Mapping[str, Any]) -> list[str]:
    return [check["message"] for check in document["checks"] if not check["passed"]] or [
        "nothing was checked"
    ]


def _published(data: ReportData) -> str:
    kept = "The model keeps every limit and its exports answer as it does."
    if data.pushed is None:
        return f"{kept} It was not pushed in this run."
    return f"{kept} Pushed as version {data.pushed.get('version', '?')}."


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
