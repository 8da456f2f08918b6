"""`emotion init`: a configuration for data that it has looked at."""

import csv
import gzip
import io
import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from rich.console import Console

from components.core.errors import DataError, UserError
from components.core.filesystem import open_file, write_atomic
from components.data.source_files import SourceFile, find_sources

__all__ = ["init_command"]

_SAMPLE_ROWS = 2_000
_SAMPLE_BYTES = 4 << 20

_TOKENS_PER_WORD = 1.3
_EPOCHS = 4
_SMALL_DATA_EPOCHS = 8

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
class _Findings:
    """What the data look like.

    Attributes:
        text, labels, id, group: column names; None if there is none.
        separator: what stands between labels; None if a text has one label.
        counts: rows by label, in the sample.
        rows: rows looked at.
        splits: names of the splits that the files are named after.
        longest_words: words of the longest text in the sample.
    """

    text: str
    labels: str
    id: str | None
    group: str | None
    separator: str | None
    counts: Mapping[str, int]
    rows: int
    splits: tuple[str, ...]
    longest_words: int


def init_command(data: Path, *, output: Path, text: str | None, labels: str | None, force: bool) -> None:
    """Looks at the data and writes `output`.

    Raises:
        UserError: the configuration exists, or no text or label column can be told.
    """
    if output.exists() and not force:
        raise UserError(
            f"{output}: exists already; add --force to overwrite it or name another with --output"
        )
    sources = find_sources(str(data), {}, None)
    rows = _sample(sources[0])
    findings = _look(rows, sources, text, labels)
    write_atomic(output, _render(data, output, sources[0], findings))
    console = Console()
    console.print(f"looked at {findings.rows:,} rows of {sources[0].uri}:", highlight=False)
    console.print(
        f"  text in [bold]{findings.text}[/], labels in [bold]{findings.labels}[/]", highlight=False
    )
    common = ", ".join(f"{label} {count:,}" for label, count in Counter(findings.counts).most_common(8))
    console.print(
        f"  {len(findings.counts)} labels: {common}{' …' if len(findings.counts) > 8 else ''}",
        highlight=False,
    )
    console.print(
        f"wrote [bold]{output}[/]; look it over, then: [green]emotion run {output}[/]", highlight=False
    )


def _sample(source: SourceFile) -> list[Row]:
    """The first rows of the file."""
    if source.format == "parquet":
        import pyarrow.parquet as pq

        with open_file(source.uri) as stream:
            batches = pq.ParquetFile(stream).iter_batches(batch_size=_SAMPLE_ROWS)
            rows: list[Row] = next(batches).to_pylist()
        return rows
    if source.format == "tfrecord":
        raise UserError(
            f"{source.uri}: TFRecord files carry no header to look at; start from a configuration in pipeline/configs"
        )
    lines = _head(source).split("\n")
    if source.format == "jsonl":
        return [_json_row(line, source, number) for number, line in enumerate(lines, 1) if line.strip()][
            :_SAMPLE_ROWS
        ]
    delimiter = "\t" if source.format == "tsv" else ","
    reader = csv.DictReader(io.StringIO("\n".join(lines)), delimiter=delimiter)
    return [row for row, _ in zip(reader, range(_SAMPLE_ROWS), strict=False)]


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
) -> _Findings:
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
    return _Findings(
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


def _render(data: Path, output: Path, source: SourceFile, findings: _Findings) -> str:
    environment = Environment(
        loader=PackageLoader("pipeline", "commands"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["yaml"] = lambda value: json.dumps(value, ensure_ascii=False)
    environment.filters["basename"] = os.path.basename
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", data.name.split(".")[0]).strip("-.") or "emotion"
    return environment.get_template("init.yaml.j2").render(
        name=name,
        output=output.name,
        path=Path(os.path.relpath(data.resolve(), output.resolve().parent)).as_posix(),
        source=source,
        found=findings,
        max_tokens=_max_tokens(findings.longest_words),
        epochs=_SMALL_DATA_EPOCHS if findings.rows < _SAMPLE_ROWS else _EPOCHS,
    )


def _max_tokens(longest_words: int) -> int:
    """The power of two that holds the longest text, within what BERT takes."""
    wanted = int(longest_words * _TOKENS_PER_WORD) + 2
    return min(512, max(32, 1 << (wanted - 1).bit_length()))
