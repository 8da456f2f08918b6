"""The rows that became no example, and why."""

from typing import Any

from pipeline.report.collect import ReportData

__all__ = ["dead_letters"]


def dead_letters(data: ReportData) -> dict[str, Any] | None:
    """How many rows were refused, by reason, and the first of them."""
    if data.examples is None or data.examples.get("dead_letters") is None:
        return None
    total = data.examples["dead_letters"]
    written = sum(document["rows"] for document in data.examples["splits"].values())
    reasons = sorted(
        (data.examples.get("dead_letters_by_reason") or {}).items(), key=lambda item: (-item[1], item[0])
    )
    return {
        "total": total,
        "share": total / (total + written) if total + written else 0.0,
        "reasons": [{"reason": reason, "count": count} for reason, count in reasons],
        "letters": [_letter(letter) for letter in data.dead_letters],
    }


def _letter(letter: Any) -> dict[str, Any]:
    content = letter.get("content")
    return {
        "file": str(letter.get("file", "")).rpartition("/")[2],
        "row": letter.get("row"),
        "reason": letter.get("reason", ""),
        "detail": letter.get("detail") or "",
        "content": "" if content is None else str(content),
    }
