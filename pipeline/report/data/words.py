"""How much of the texts the encoder's vocabulary knows."""

from typing import Any

from pipeline.report.collect import ReportData

__all__ = ["words"]

_UNKNOWN_SHOWN = 24


def words(data: ReportData) -> dict[str, Any] | None:
    """Token figures by split, and the words that are most often unknown, all splits together."""
    splits = {
        split: document["tokens"]
        for split, document in ((data.statistics or {}).get("splits") or {}).items()
        if document.get("tokens")
    }
    if not splits:
        return None
    unknown: dict[str, int] = {}
    for figures in splits.values():
        for entry in figures.get("top_unknown") or ():
            unknown[entry["word"]] = unknown.get(entry["word"], 0) + entry["count"]
    ranked = sorted(unknown.items(), key=lambda item: (-item[1], item[0]))
    return {
        "encoder": ((data.statistics or {}).get("tokenizer") or {}).get("encoder"),
        "splits": [
            {
                "split": split,
                **{
                    key: figures.get(key)
                    for key in ("total", "unknown", "unknown_rate", "coverage", "average_length")
                },
            }
            for split, figures in splits.items()
        ],
        "unknown": [{"word": word, "count": count} for word, count in ranked[:_UNKNOWN_SHOWN]],
    }
