"""What a data file looks like: which column holds the text, which the labels, and what stands between labels."""

import csv
import gzip
import io
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.core.errors import DataError, UserError
from components.core.filesystem import open_file
from components.data.source_files import SourceFile, find_sources

__all__ = ["SAMPLE_ROWS", "Findings", "look_at"]

SAMPLE_ROWS = 2_000
"""How many rows are looked at."""

_SAMPLE_BYTES = 4 << 20

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

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Findings:
    """What the data look like.

    Attributes:
        source: the file that was looked at.
        columns: names of all columns.
        text, labels, id, group: column names; None if there is none.
        separator: what stands between labels; None if a text has one label.
        counts: rows by label, in the sample.
        rows: rows looked at.
        splits: names of the splits that the files are named after.
        longest_words: words of the longest text in the sample.
    """

    source: SourceFile
    columns: tuple[str, ...]
    text: str
    labels: str
    id: str | None
    group: str | None
    separator: str | None
    counts: Mapping[str, int]
    rows: int
    splits: tuple[str, ...]
    longest_words: int


def look_at(data: str, *, text: str | None, labels: str | None) -> Findings:
    """Looks at the first rows of a file, or of the first file of a directory.

    Args:
        data: file, directory or glob pattern.
        text: name of the text column, where the guess is wrong.
        labels: name of the label column, likewise.

    Raises:
        UserError: the data cannot be read, or no text or label column can be told.
    """
    sources = find_sources(data, {}, None)
    return _look(_sample(sources[0]), sources, text, labels)


def _sample(source: SourceFile) -> list[Row]:
    """The first rows of the file."""
    if source.format == "parquet":
        import pyarrow.parquet as pq

        with open_file(source.uri) as stream:
            batches = pq.ParquetFile(stream).iter_batches(batch_size=SAMPLE_ROWS)
            rows: list[Row] = next(batches).to_pylist()
        return rows
    if source.format == "tfrecord":
        raise UserError(
            f"{source.uri}: TFRecord files carry no header to look at; start from a configuration in pipeline/configs"
        )
    lines = _head(source).split("\n")
    if source.format == "jsonl":
        return [_json_row(line, source, number) for number, line in enumerate(lines, 1) if line.strip()][
            :SAMPLE_ROWS
        ]
    delimiter = "\t" if source.format == "tsv" else ","
    reader = csv.DictReader(io.StringIO("\n".join(lines)), delimiter=delimiter)
    return [row for row, _ in zip(reader, range(SAMPLE_ROWS), strict=False)]


def _head(source: SourceFile) -> str:
    """The beginning of a text file, up to the last whole line."""
    with open_file(source.uri) as raw:
        stream = gzip.GzipFile(fileobj=raw) if source.uri.endswith(".gz") else raw
        content = stream.read(_SAMPLE_BYTES)
    if len(content) == _SAMPLE_BYTES:
        content = content[: content.rfind(b"\n") + 1]
    try:
        return str(content.decode("utf-8-sig")).replace("\r\n", "\n")
    except UnicodeDecodeError as err:
        raise DataError(
            f"{source.uri}: is not UTF-8 (byte {err.start}); convert it, e.g. with iconv"
        ) from err


def _json_row(line: str, source: SourceFile, number: int) -> Row:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as err:
        raise DataError(
            f"{source.uri}: row {number} is not JSON ({err.msg}); expected one object a line"
        ) from err
    if not isinstance(row, dict):
        raise DataError(f'{source.uri}: row {number} is no JSON object; expected {{"text": …, "labels": …}}')
    return row


def _look(
    rows: Sequence[Row], sources: Sequence[SourceFile], text: str | None, labels: str | None
) -> Findings:
    if not rows:
        raise DataError(f"{sources[0].uri}: has no rows; add some or name another file")
    columns = [name for name in rows[0] if name]
    text_column = _require(text, columns, sources[0], "--text") or _guess_text(rows, columns)
    label_column = _require(labels, columns, sources[0], "--labels") or _guess_labels(
        rows, columns, text_column, sources[0]
    )
    separator = _guess_separator([row.get(label_column) for row in rows])
    counts: Counter[str] = Counter()
    for row in rows:
        counts.update(_split_labels(row.get(label_column), separator))
    return Findings(
        source=sources[0],
        columns=tuple(columns),
        text=text_column,
        labels=label_column,
        id=_named(columns, _ID_NAMES),
        group=_named(columns, _GROUP_NAMES),
        separator=separator,
        counts=dict(sorted(counts.items())),
        rows=len(rows),
        splits=tuple(dict.fromkeys(source.split for source in sources if source.split)),
        longest_words=max(len(str(row.get(text_column) or "").split()) for row in rows),
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


def _guess_labels(rows: Sequence[Row], columns: Sequence[str], text: str, source: SourceFile) -> str:
    """The column with a usual name, else the one whose few values repeat most."""
    named = _named([column for column in columns if column != text], _LABEL_NAMES)
    if named:
        return named
    distinct = {column: len({str(row.get(column)) for row in rows}) for column in columns if column != text}
    fitting = {column: count for column, count in distinct.items() if 2 <= count <= max(2, len(rows) // 5)}
    if not fitting:
        raise UserError(
            f"{source.uri}: cannot tell which column holds the labels; name it with --labels "
            f"(columns: {', '.join(columns)})"
        )
    return min(fitting, key=lambda column: fitting[column])


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
