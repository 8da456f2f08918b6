"""The file of an audit: a line for every doubtful label, for a person who fills in the verdicts."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from components.data.ingestion.corrections import RowKey
from components.evaluation.audit.audited_rows import AuditedRows
from components.evaluation.audit.label_audit import LabelAudit

__all__ = ["FIELDS", "review_lines", "to_csv", "to_json_lines"]

FIELDS = (
    *("rank", "row_score", "id", "split", "context", "text", "labels", "kind", "label", "given", "suggested"),
    *("probability", "score", "reason", "verdict", "row"),
)
"""What every line says: `rank` of the row (1 = most doubtful) and `row_score`, its doubts as a whole in nats; the row's
`id`, `split`, `context`, `text` and all its `labels`; what this line doubts (`kind`: wrong, missing, other, number),
the `label`, what is `given`, what is `suggested`, the out-of-fold `probability` of the label, the `score` of this doubt
in nats, and the `reason`; an empty `verdict` for keep, change or drop; what the `row` is known by when it is read."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def review_lines(rows: AuditedRows, audit: LabelAudit, count: int) -> list[dict[str, Any]]:
    """The lines about the `count` most doubtful rows; of rows of equal content, which one verdict is about, the first
    stands for all."""
    distinct: dict[RowKey, int] = {}
    for row in audit.ranking().tolist():
        distinct.setdefault(rows.keys[row], row)
    ranked = list(distinct.values())[:count]
    return [
        {
            "rank": rank,
            "row_score": round(float(audit.doubts[row]), 3),
            "id": rows.ids[row],
            "split": rows.splits[row],
            "context": rows.contexts[row] or "",
            "text": rows.texts[row],
            "labels": list(rows.labels[row]),
            "kind": issue.kind,
            "label": issue.label,
            "given": issue.given,
            "suggested": issue.suggested,
            "probability": None if issue.probability is None else round(issue.probability, 4),
            "score": round(issue.doubt, 3),
            "reason": issue.reason,
            "verdict": "",
            "row": str(rows.keys[row]),
        }
        for rank, row in enumerate(ranked, start=1)
        for issue in audit.issues(row)
    ]


def to_json_lines(lines: Sequence[Mapping[str, Any]]) -> str:
    """One JSON object a line."""
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def to_csv(lines: Sequence[Mapping[str, Any]]) -> str:
    """A table as spreadsheets read it: UTF-8 with the mark that tells them so.

    A text that a spreadsheet would take for a formula, and run, gets an apostrophe before it; texts are there to be
    read, and rows are known by `row`.
    """
    stream = io.StringIO()
    writer = csv.DictWriter(stream, FIELDS)
    writer.writeheader()
    for line in lines:
        shown = {**line, "labels": ", ".join(line["labels"])}
        writer.writerow(
            {
                **shown,
                **{name: _no_formula(shown[name]) for name in ("id", "context", "text", "labels", "reason")},
            }
        )
    return "\ufeff" + stream.getvalue()


def _no_formula(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
