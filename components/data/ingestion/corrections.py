"""What a person decided about rows, applied while the source files are read: the sources stay as they are."""

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from hashlib import blake2b
from typing import Any, Self

import numpy as np

from components.core.errors import DataError
from components.core.filesystem import open_file
from components.data.ingestion.row_parser import LabelledText, RowParser
from components.data.ingestion.splits import normalize_text

__all__ = [
    "ABSENT",
    "COLUMNS",
    "PRESENT",
    "CorrectionFile",
    "IssueKind",
    "RowKey",
    "apply_corrections",
    "corrections_summary",
    "read_corrections",
]

PRESENT, ABSENT = "present", "absent"

COLUMNS = ("row", "kind", "label", "suggested", "verdict")
"""What a file of corrections must have; others are for the person who reads it."""

_VERDICTS = ("keep", "change", "drop")
_DELIMITERS = ",;\t"
_MAX_LISTED = 20


class IssueKind:
    """What a line is about."""

    WRONG = "wrong"
    """The row has the label and should not."""
    MISSING = "missing"
    """The row lacks the label and should have it."""
    OTHER = "other"
    """The row has the label where another one fits: one of several is right."""
    NUMBER = "number"
    """The row's number is far from what its text says."""


_KINDS = (IssueKind.WRONG, IssueKind.MISSING, IssueKind.OTHER, IssueKind.NUMBER)


@dataclass(frozen=True)
class RowKey:
    """What tells a row from others: its content. An id may be a row's number, which moves when a row is put before it.

    Attributes:
        text: of the text and its context, without differences in case and white space.
        answers: of the labels and the numbers.
    """

    text: str
    answers: str

    @classmethod
    def of(cls, text: str, context: str | None, labels: Iterable[str], targets: Mapping[str, float]) -> Self:
        """The key of a row, from what ExampleGen writes about it: numbers count in float32."""
        numbers = sorted((name, float(np.float32(number))) for name, number in targets.items())
        return cls(
            _digest([normalize_text(text), normalize_text(context or "")]), _digest([sorted(labels), numbers])
        )

    @classmethod
    def read(cls, told: str) -> Self:
        """From what `str` makes of it.

        Raises:
            ValueError: it is no key.
        """
        prefix, text, answers = told.strip().split("-")
        if prefix != "row":
            raise ValueError(told)
        return cls(text, answers)

    def __str__(self) -> str:
        # The word in front keeps spreadsheets from reading a number (12e4567) in it.
        return f"row-{self.text}-{self.answers}"


def _digest(content: Any) -> str:
    told = json.dumps(content, ensure_ascii=False).encode(errors="surrogatepass")
    return blake2b(told, digest_size=8).hexdigest()


@dataclass
class _Correction:
    """All that was decided about one row."""

    id: str
    labels: dict[str, bool] = field(default_factory=dict)
    """By label: whether the row is to have it."""
    targets: dict[str, float] = field(default_factory=dict)
    drop: bool = False

    def apply(self, example: LabelledText, parser: RowParser) -> LabelledText:
        kept = {label for label in example.labels if self.labels.get(label, True)}
        added = {label for label, present in self.labels.items() if present}
        return replace(
            example,
            labels=parser.in_order(kept | added),
            targets={**example.targets, **self.targets},
        )


@dataclass(frozen=True)
class CorrectionFile:
    """The reviewed lines of one file.

    Attributes:
        uri: the file.
        reviewed: lines with a verdict.
        judged: text part of the row's key and label of every such line.
        rows: by row key, what to change; rows that are to be kept as they are are not in it.
    """

    uri: str
    reviewed: int
    judged: frozenset[tuple[str, str]]
    rows: Mapping[RowKey, _Correction]

    def labels(self) -> set[str]:
        """Labels that are given to rows."""
        changes = (change.labels.items() for change in self.rows.values())
        return {label for items in changes for label, present in items if present}

    def targets(self) -> set[str]:
        """Columns whose numbers are changed."""
        return {name for change in self.rows.values() for name in change.targets}


def read_corrections(uri: str) -> CorrectionFile:
    """Reads a file that `emotion audit` wrote and a person filled in: CSV or JSON Lines.

    Lines without a verdict are left out. `keep` leaves the row as it is, `change` makes of it what `suggested` says
    (which a person may edit), `drop` takes the row out of the data.

    Raises:
        DataError: a column is missing, a value cannot be understood, or two verdicts contradict each other.
        UserError: there is no such file.
    """
    reviewed = 0
    judged: set[tuple[str, str]] = set()
    verdicts: dict[tuple[RowKey, str], str] = {}
    rows: dict[RowKey, _Correction] = {}
    for where, line in _lines(uri):
        verdict = line["verdict"].lower()
        if not verdict:
            continue
        reviewed += 1
        _require_known(where, "verdict", verdict, _VERDICTS)
        _require_known(where, "kind", line["kind"], _KINDS)
        try:
            key = RowKey.read(line["row"])
        except ValueError as err:
            raise DataError(
                f"{where}: {line['row']!r} is no `row` of an audit; leave that column as it is"
            ) from err
        told = verdict if verdict != "change" else f"change to {line['suggested']}"
        if (before := verdicts.setdefault((key, line["label"]), told)) != told:
            raise DataError(
                f"{where}: the verdict on {line['label']!r} is {told!r} here and {before!r} above; remove one"
            )
        judged.add((key.text, line["label"]))
        if verdict != "keep":
            _decide(rows.setdefault(key, _Correction(line.get("id", ""))), verdict, line, where)
    return CorrectionFile(uri, reviewed, frozenset(judged), rows)


def _decide(correction: _Correction, verdict: str, line: Mapping[str, str], where: str) -> None:
    label, suggested = line["label"], line["suggested"]
    if verdict == "drop":
        correction.drop = True
    elif not suggested or not label:
        raise DataError(f"{where}: `change` needs `label` and `suggested`; fill in what is right")
    elif line["kind"] == IssueKind.NUMBER:
        correction.targets[label] = _number(suggested, where)
    elif line["kind"] == IssueKind.OTHER:
        correction.labels[label] = False
        correction.labels[suggested] = True
    else:
        _require_known(where, "suggested", suggested, (PRESENT, ABSENT))
        correction.labels[label] = suggested == PRESENT


def _number(told: str, where: str) -> float:
    try:
        number = float(told)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise DataError(
            f"{where}: `suggested` is {told!r}; expected a number, with a point before its decimals"
        )
    return number


def _require_known(where: str, column: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        near = get_close_matches(value, known, n=1)
        advice = f"did you mean {near[0]!r}?" if near else f"expected {', '.join(known)}"
        raise DataError(f"{where}: `{column}` is {value!r}; {advice}")


def _lines(uri: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Where each line stands, and its values."""
    with open_file(uri) as stream:
        content = stream.read()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise DataError(f"{uri}: is not UTF-8; save it as `CSV UTF-8`") from err
    yield from _json_lines(uri, text) if text.lstrip().startswith("{") else _delimited(uri, text)


def _json_lines(uri: str, text: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{uri}: line {number}"
        try:
            values = json.loads(line)
        except ValueError as err:
            raise DataError(f"{where}: is no JSON object ({err}); expected one object a line") from err
        if not isinstance(values, dict):
            raise DataError(f"{where}: is no JSON object; expected one object a line")
        _require_columns(where, values)
        yield where, {name: "" if value is None else str(value).strip() for name, value in values.items()}


def _delimited(uri: str, text: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    header = text.partition("\n")[0]
    # Spreadsheets of many countries save CSV with semicolons.
    delimiter = max(_DELIMITERS, key=header.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    _require_columns(uri, reader.fieldnames or ())
    for values in reader:
        where = f"{uri}: line {reader.line_num}"
        yield where, {name: (values.get(name) or "").strip() for name in reader.fieldnames or ()}


def _require_columns(where: str, found: Collection[str]) -> None:
    if missing := [name for name in COLUMNS if name not in found]:
        raise DataError(
            f"{where}: has no {', '.join(map(repr, missing))}; expected a file that `emotion audit` wrote, with its "
            "columns"
        )


def apply_corrections(
    example: LabelledText, files: Sequence[CorrectionFile], parser: RowParser, hits: Counter[tuple[int, str]]
) -> LabelledText | None:
    """The row as persons say it should be; None if it is to be dropped.

    Args:
        example: as the source has it.
        files: applied one after the other: what a later one says is about rows that the earlier ones made.
        parser: knows the order of labels.
        hits: counts rows by file and row key, and gets one more for each file that knows the row.
    """
    for number, file in enumerate(files):
        key = RowKey.of(example.text, example.context, example.labels, example.targets)
        correction = file.rows.get(key)
        if correction is None:
            continue
        hits[number, str(key)] += 1
        if correction.drop:
            return None
        example = correction.apply(example, parser)
    return example


def corrections_summary(
    files: Sequence[CorrectionFile],
    hits: Counter[tuple[int, str]],
    *,
    labels: Collection[str],
    targets: Collection[str],
) -> list[dict[str, Any]]:
    """What `summary.json` says of each file: `reviewed` lines, rows `changed` and `dropped`, and what matched no row.

    Args:
        files: in order.
        hits: rows by file and row key, from `apply_corrections`.
        labels: the label list.
        targets: the target list.

    Raises:
        DataError: a file gives rows a label or a number that the data do not have, or none of its corrections matches
            a row.
    """
    entries = []
    for number, file in enumerate(files):
        for name, known in ((file.labels(), labels), (file.targets(), targets)):
            _require_in_data(file.uri, name, known)
        rows = {key: hits[number, str(key)] for key in file.rows}
        unmatched = [file.rows[key].id or str(key) for key, count in rows.items() if not count]
        if rows and len(unmatched) == len(rows):
            raise DataError(
                f"{file.uri}: none of its {len(rows):,} corrections matches a row (the first is {unmatched[0]}): texts "
                "or labels are not what they were when the audit was made; audit these data again, or name its own"
            )
        dropped = sum(count for key, count in rows.items() if file.rows[key].drop)
        entries.append(
            {
                "name": file.uri.rpartition("/")[2],
                "reviewed": file.reviewed,
                "changed": sum(rows.values()) - dropped,
                "dropped": dropped,
                "unmatched": len(unmatched),
                "unmatched_ids": unmatched[:_MAX_LISTED],
            }
        )
    return entries


def _require_in_data(uri: str, named: Collection[str], known: Collection[str]) -> None:
    for name in sorted(named):
        if name not in known:
            near = get_close_matches(name, known, n=1)
            advice = (
                f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(known)) or 'none'}"
            )
            raise DataError(f"{uri}: the data have nothing called {name!r}; {advice}")
