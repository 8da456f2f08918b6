"""How many texts there are, and which files they come from."""

from typing import Any

from pipeline.report.collect import ReportData

__all__ = ["overview"]

_SOURCES_SHOWN = 20


def overview(data: ReportData) -> dict[str, Any] | None:
    """Facts at a glance (`facts`, name and count), rows by split with their share, and the sources."""
    if data.examples is None:
        return None
    rows = {split: document["rows"] for split, document in data.examples["splits"].items()}
    total = sum(rows.values())
    sources = data.examples.get("sources") or []
    return {
        "total": total,
        "labels": len(data.examples.get("labels") or ()),
        "targets": len(data.examples.get("targets") or ()),
        "dead_letters": data.examples.get("dead_letters"),
        "masked_rows": data.examples.get("masked_rows"),
        "spans": data.examples.get("spans"),
        "splits": [
            {"name": split, "rows": count, "share": count / total if total else 0.0}
            for split, count in rows.items()
        ],
        "sources": [_source(source) for source in sources[:_SOURCES_SHOWN]],
        "more_sources": max(0, len(sources) - _SOURCES_SHOWN),
    }


def _source(source: dict[str, Any]) -> dict[str, Any]:
    folder, _, name = str(source.get("name") or source.get("uri", "")).rpartition("/")
    return {
        "name": name,
        "folder": folder,
        "format": source.get("format"),
        "encoding": source.get("encoding"),
        "rows": source.get("rows"),
        "examples": source.get("examples") or {},
        "dead_letters": source.get("dead_letters"),
    }
