"""What a data file looks like: which column holds the text, which the labels, and what stands between them."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from components.core.errors import DataError, UserError
from components.core.filesystem import local_path
from components.data.ingestion.labels import read_list
from components.data.sources.delimited import Dialect
from components.data.sources.rows import BrokenRow, Reason, RowError
from components.data.sources.source_files import SourceFile, find_sources
from components.data.sources.source_units import guess_dialect, open_unit, plan_units

__all__ = ["SAMPLE_ROWS", "Findings", "look_at"]

SAMPLE_ROWS = 2_000
"""How many rows are looked at."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

_TEXT_NAMES = ("text", "comment", "sentence", "utterance", "message", "content", "review", "tweet", "body")
_LABEL_NAMES = ("labels", "label", "emotions", "emotion", "sentiment", "category", "class", "target", "tags")
_ID_NAMES = ("id", "uid", "uuid", "comment_id", "example_id", "row_id")
_GROUP_NAMES = (
    "group",
    "author",
    "user",
    "user_id",
    "author_id",
    "thread",
    "conversation",
    "dialog_id",
    "conversation_id",
)
_SEPARATORS = (",", ";", "|", "/")
_YES = ("1", "1.0", "true")
_NO = ("0", "0.0", "false")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Findings:
    """What the data look like.

    Attributes:
        source: the file that was looked at.
        columns: names of all columns.
        text, labels, id, group: column names; None if there is none.
        label_columns: in place of `labels`, one 0/1 column for each label.
        separator: what stands between labels; None if a text has one label.
        delimiter: what stands between fields; None for what the format says.
        counts: rows by label, in the sample.
        rows: rows looked at.
        splits: names of the splits that the files are named after.
        longest_words: words of the longest text in the sample.
    """

    source: SourceFile
    columns: tuple[str, ...]
    text: str
    labels: str | None
    label_columns: tuple[str, ...]
    id: str | None
    group: str | None
    separator: str | None
    delimiter: str | None
    counts: Mapping[str, int]
    rows: int
    splits: tuple[str, ...]
    longest_words: int

    def reading(self) -> dict[str, Any]:
        """Settings of ExampleGen by which the data are read so."""
        columns = {name: getattr(self, name) for name in ("text", "labels", "label_columns", "id")}
        return {"columns": columns, "separator": self.separator, "delimiter": self.delimiter}


def look_at(data: str, *, text: str | None, labels: str | None) -> Findings:
    """Looks at the first rows of a file, or of the first file of a directory.

    Args:
        data: file, directory or glob pattern.
        text: name of the text column, where the guess is wrong.
        labels: name of the label column, likewise.

    Raises:
        UserError: the data cannot be read, or no text or label column can be told.
    """
    sources = find_sources(local_path(data), {}, None)
    dialect = guess_dialect(sources[0])
    rows = _sample(sources[0], dialect)
    if not rows:
        raise DataError(f"{sources[0].uri}: has no rows; add some or name another file")
    columns = [name for name in rows[0] if name]
    text = _require(text, columns, sources[0], "--text") or _guess_text(rows, columns)
    labels = _require(labels, columns, sources[0], "--labels")
    return _describe(rows, columns, sources, dialect.delimiter, text, labels)


def _sample(source: SourceFile, dialect: Dialect) -> list[Row]:
    """The first rows of the file, read as ExampleGen will read them; broken ones are left out."""
    plan = plan_units(0, source, dialect, ())
    columns = [name for name in plan.columns or () if name.rpartition(".")[0] not in (plan.columns or ())]
    with open_unit(source, plan.units[0], plan, dialect, columns) as opened:
        rows = list(islice(opened.rows, SAMPLE_ROWS))
    readable = [row.values for row in rows if not isinstance(row, BrokenRow) and _is_utf8(row.values)]
    if rows and not readable:
        reason = rows[0].reason if isinstance(rows[0], BrokenRow) else Reason.NOT_UTF8
        raise DataError(f"{source.uri}: row {rows[0].number}: {reason}; {reason.remedy}")
    return readable


def _is_utf8(row: Row) -> bool:
    return not any(isinstance(value, str) and _LONE_SURROGATE.search(value) for value in row.values())


def _describe(
    rows: Sequence[Row],
    columns: Sequence[str],
    sources: Sequence[SourceFile],
    delimiter: str | None,
    text: str,
    labels: str | None,
) -> Findings:
    others = [column for column in columns if column != text]
    identifier, group = _named(columns, _ID_NAMES), _named(columns, _GROUP_NAMES)
    labels = labels or _named(others, _LABEL_NAMES)
    free = [column for column in others if column not in (identifier, group)]
    label_columns = () if labels else _indicators(rows, free)
    if not labels and not label_columns:
        labels = _guess_labels(rows, others, sources[0])
    given = [_given_labels(row.get(labels)) for row in rows] if labels else []
    separator = _guess_separator(given)
    counts: Counter[str] = Counter(dict.fromkeys(label_columns, 0))
    for row in rows:
        counts.update(column for column in label_columns if _lower(row.get(column)) in _YES)
    for value in given:
        counts.update(_split_labels(value, separator))
    return Findings(
        source=sources[0],
        columns=tuple(columns),
        text=text,
        labels=labels,
        label_columns=label_columns,
        id=identifier,
        group=group,
        separator=separator,
        delimiter=delimiter,
        counts=dict(counts) if label_columns else dict(sorted(counts.items())),
        rows=len(rows),
        splits=tuple(dict.fromkeys(source.split for source in sources if source.split)),
        longest_words=max(len(str(row.get(text) or "").split()) for row in rows),
    )


def _require(name: str | None, columns: Sequence[str], source: SourceFile, option: str) -> str | None:
    if name is not None and name not in columns:
        raise UserError(f"{source.uri}: no column {name!r} for {option}; there are {', '.join(columns)}")
    return name


def _named(columns: Sequence[str], names: Sequence[str]) -> str | None:
    by_lower = {column.lower().strip(): column for column in columns}
    return next((by_lower[name] for name in names if name in by_lower), None)


def _guess_text(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """The column with a usual name, else the one with the longest texts."""

    def mean_length(column: str) -> float:
        return sum(len(row[column]) for row in rows if isinstance(row.get(column), str)) / len(rows)

    return _named(columns, _TEXT_NAMES) or max(columns, key=mean_length)


def _indicators(rows: Sequence[Row], columns: Sequence[str]) -> tuple[str, ...]:
    """The columns that hold nothing but 0 and 1, if there are several: one for each label."""
    values = {column: {_lower(row.get(column)) for row in rows} for column in columns}
    found = tuple(column for column in columns if values[column] <= {*_YES, *_NO})
    return found if len(found) > 1 else ()


def _lower(value: Any) -> str:
    return str(value).strip().lower()


def _guess_labels(rows: Sequence[Row], columns: Sequence[str], source: SourceFile) -> str:
    """The column whose few values repeat most."""
    distinct = {column: len({str(row.get(column)) for row in rows}) for column in columns}
    fitting = {column: count for column, count in distinct.items() if 2 <= count <= max(2, len(rows) // 5)}
    if not columns:
        raise UserError(f"{source.uri}: has no column beside the text; add one with the labels")
    if not fitting:
        raise UserError(
            f"{source.uri}: cannot tell which column holds the labels; name it with --labels "
            f"(beside the text: {', '.join(columns)})"
        )
    return min(fitting, key=lambda column: fitting[column])


def _given_labels(value: Any) -> Any:
    """The value of the label column; a list where one is written as text."""
    try:
        items = read_list(value) if isinstance(value, str) else None
    except RowError:
        items = None
    return value if items is None else items


def _guess_separator(values: Sequence[Any]) -> str | None:
    """A character that divides values into parts which also occur as other values."""
    texts = [value for value in values if isinstance(value, str)]
    if any(isinstance(value, list) for value in values):
        return ","
    for separator in _SEPARATORS:
        if any(separator in text for text in texts) and not any(
            re.search(r"[.!?]\s", text) for text in texts
        ):
            return separator
    return None


def _split_labels(value: Any, separator: str | None) -> list[str]:
    if value is None:
        return []
    if isinstance(value, list):
        return [str(label) for label in value]
    parts = str(value).split(separator) if separator else [str(value)]
    return [part.strip() for part in parts if part.strip()]
