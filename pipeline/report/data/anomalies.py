"""Anomalies by how bad they are and what kind they are, each kind with what to do about it."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from pipeline.report.collect import ReportData
from pipeline.report.data.remedies import anomaly_title, remedy

__all__ = ["anomalies"]

_MEANING = {
    "ERROR": ("Errors", "stop the run before training"),
    "WARNING": ("Warnings", "worth a look, the run goes on"),
}


def anomalies(data: ReportData) -> dict[str, Any] | None:
    """Groups of one severity (errors first) that hold kinds, which hold the places found; None if not checked."""
    if data.anomalies is None:
        return None
    severities = sorted(
        {str(found["severity"]) for found in data.anomalies}, key=lambda name: (name != "ERROR", name)
    )
    return {"groups": [_group(severity, data.anomalies) for severity in severities]}


def _group(severity: str, anomalies: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    own = [found for found in anomalies if found["severity"] == severity]
    name, meaning = _MEANING.get(severity, (severity.capitalize(), ""))
    by_kind = groupby(sorted(own, key=lambda found: str(found["type"])), key=lambda found: str(found["type"]))
    return {
        "severity": severity,
        "name": name,
        "meaning": meaning,
        "count": len(own),
        "kinds": [
            {"type": kind, "title": anomaly_title(kind), "remedy": remedy(kind), "found": list(found)}
            for kind, found in by_kind
        ],
    }
