"""The exports in rows: what was written, how large it is, and how closely it answers as the Keras model does."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.report.collect import ReportData

__all__ = ["export_rows"]

_WORST_TEXTS = 3


def export_rows(data: ReportData) -> list[dict[str, Any]]:
    """One row an export.

    Each has `name`, `file` and `size_bytes`, and from the InfraValidator `texts` (how many were compared),
    `max_difference` (of a probability, or of a number in its standard deviations), `agreement` (share of decisions,
    0-1; None if there are none), `latency_ms_p50`, all None where nothing was measured, and `worst` (the texts that
    differ most, `text` and `difference`).
    """
    return [
        {"name": name, "file": file, "size_bytes": size, **_measured((data.parity or {}).get(key, {}))}
        for key, name, file, size in _exports(data)
    ]


def _exports(data: ReportData) -> Iterator[tuple[str, str, str, int | None]]:
    if data.saved_model is not None:
        precision = data.saved_model.get("precision", "float32")
        name = "SavedModel" if precision == "float32" else f"SavedModel {precision}"
        yield "saved_model", name, "saved_model/", data.saved_model.get("size_bytes")
    for variant, entry in (data.tflite or {}).items():
        if isinstance(entry, Mapping):
            yield f"tflite_{variant}", f"TFLite {variant}", entry.get("file", ""), entry.get("size_bytes")


def _measured(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "texts": entry.get("rows"),
        "max_difference": entry.get("max_score_difference"),
        "agreement": entry.get("decision_agreement"),
        "latency_ms_p50": entry.get("latency_ms_p50"),
        "worst": entry.get("worst", [])[:_WORST_TEXTS],
    }
