"""Which files a configuration names, in what format, and for which split."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal, TypeAlias, get_args

from components.core.errors import DataError, UserError
from components.core.filesystem import is_remote, resolve_files
from components.data.ingestion.splits import split_in_name
from components.data.sources.bigquery import BIGQUERY
from components.data.sources.compression import without_compression
from components.data.sources.dataset_folders import saved_dataset_files
from components.data.sources.spans import SpanRule, find_spans

__all__ = ["Format", "SourceFile", "files_left_out", "find_sources", "is_data_file"]

Format: TypeAlias = Literal["csv", "tsv", "jsonl", "parquet", "arrow", "tfrecord", "bigquery"]

_FORMATS: Mapping[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".tfrecord": "tfrecord",
    ".tfrecords": "tfrecord",
}

_SHARD = re.compile(r"-\d{5,}-of-\d{5,}$")
_NEWEST_SPAN = SpanRule()
_ADVICE = {
    ".zip": "unpack it",
    ".tar": "unpack it",
    ".tgz": "unpack it",
    ".7z": "unpack it",
    ".xlsx": "save the sheet as CSV",
    ".xls": "save the sheet as CSV",
    ".json": "write one object a line (JSON Lines), for instance with `jq -c '.[]'`",
    ".pkl": "save the data as Parquet",
    ".npy": "save the data as Parquet",
    ".avro": "convert it to Parquet",
    ".orc": "convert it to Parquet",
}


@dataclass(frozen=True)
class SourceFile:
    """One file to be read.

    Attributes:
        uri: path or URI.
        format: how it is read.
        name: short name, unique among the sources, from which row ids are made.
        split: the split that all its rows belong to; None if rows are dealt by hash.
        span: number or date of the span that it belongs to, if its pattern names spans.
        version: number of the version, likewise.
        query: what BigQuery is asked, in place of reading a table.
    """

    uri: str
    format: Format
    name: str
    split: str | None = None
    span: str | None = None
    version: str | None = None
    query: str | None = None


def is_data_file(name: str) -> bool:
    """Whether the extension says that a file holds rows."""
    return _extension(name) in _FORMATS


def find_sources(
    source: str | None,
    splits: Mapping[str, str],
    file_format: Format | None,
    spans: SpanRule = _NEWEST_SPAN,
    *,
    split_by_name: bool = True,
) -> tuple[SourceFile, ...]:
    """The files of `source` (a file, a glob pattern or a directory) or of `splits` (one such per split), in order.

    In a directory, files of other formats are left out. Files that are named after splits (`train.tsv`,
    `en.dev.jsonl`, `test-00000-of-00002.parquet`), or whose directories are (`train/part-0.csv`), belong to them.

    Args:
        source: what to read; with placeholders, as in `components.data.sources.spans`, the chosen spans of it.
        splits: in place of `source`, one for each split.
        file_format: format of all files; None to tell it by the extension.
        spans: which spans are read.
        split_by_name: whether names of files and directories say splits.

    Raises:
        DataError: a file is missing, its format cannot be told, only some files are named after splits, a
            directory holds several data sets side by side, or the splits come from different spans.
    """
    found: list[SourceFile] = []
    if source is not None:
        files = _find(source, file_format, spans)
        owners = _splits_by_name(source, [file.uri for file in files]) if split_by_name else {}
        found = [replace(file, split=owners.get(file.uri)) for file in files]
    for split, pattern in splits.items():
        found += [replace(file, split=split) for file in _find(pattern, file_format, spans)]
    _require_equal_spans(found)
    return _with_short_names(found)


def files_left_out(source: str, file_format: Format | None, read: Sequence[SourceFile]) -> tuple[str, ...]:
    """Files in directories of the directory `source` that are not read, as others stand beside these."""
    if all(file.uri.rpartition("/")[0] != source.rstrip("/") for file in read):
        return ()
    known = {file.uri for file in read}
    return tuple(uri for uri in _data_files(_files_below(source), file_format) if uri not in known)


def _find(pattern: str, file_format: Format | None, spans: SpanRule) -> list[SourceFile]:
    if pattern.startswith(BIGQUERY):
        return [SourceFile(pattern, "bigquery", pattern)]
    return [
        SourceFile(uri, _format_of(uri, file_format), uri, None, path.span, path.version)
        for path in find_spans(pattern, spans)
        for uri in _resolve(path.pattern, file_format)
    ]


def _require_equal_spans(sources: Sequence[SourceFile]) -> None:
    spans: dict[str | None, set[str]] = {}
    for source in sources:
        if source.span is not None:
            spans.setdefault(source.split, set()).add(source.span)
    if len({frozenset(found) for found in spans.values()}) > 1:
        told = "; ".join(f"{split}: {', '.join(sorted(found))}" for split, found in spans.items())
        raise DataError(
            f"{sources[0].uri}: the splits come from different spans ({told}); wait until all are there, or set `span`"
        )


def _resolve(pattern: str, file_format: Format | None) -> tuple[str, ...]:
    is_glob = re.search(r"[*?\[]", pattern) is not None
    try:
        files = resolve_files(pattern)
    except UserError as err:
        files = () if is_glob else _files_below(pattern)
        if not files and (is_remote(pattern) or not Path(pattern).is_dir()):
            raise DataError(str(err)) from err
    if is_glob or files == (pattern,):
        return files
    saved = saved_dataset_files(pattern)
    wanted = saved or _data_files(files, file_format) or _data_files(_files_below(pattern), file_format)
    formats = sorted({_format_of(uri, file_format) for uri in wanted})
    if not wanted:
        raise DataError(
            f"{pattern}: no {file_format or 'data'} file in this directory; expected {', '.join(_FORMATS)}; "
            "set `format` if the names do not say it"
        )
    if len(formats) > 1:
        raise DataError(f"{pattern}: holds {' and '.join(formats)} files; set `format` to the one to read")
    return wanted


def _files_below(directory: str) -> tuple[str, ...]:
    try:
        return resolve_files(f"{directory.rstrip('/')}/*/*")
    except UserError:
        return ()


def _data_files(uris: Sequence[str], file_format: Format | None) -> tuple[str, ...]:
    """Files whose extension says the wanted format; if none does, those whose extension says nothing."""
    told = {uri: _FORMATS.get(_extension(uri)) for uri in uris}
    if file_format is None:
        return tuple(uri for uri in uris if told[uri])
    matching = tuple(uri for uri in uris if told[uri] == file_format)
    return matching or tuple(uri for uri in uris if told[uri] is None)


def _extension(uri: str) -> str:
    name = without_compression(PurePosixPath(uri).name)
    return PurePosixPath(_SHARD.sub("", name)).suffix.lower()


def _format_of(uri: str, file_format: Format | None) -> Format:
    told = file_format or _FORMATS.get(_extension(uri))
    if told is None:
        advice = _ADVICE.get(_extension(uri), f"set `format` to one of {', '.join(get_args(Format))}")
        raise DataError(
            f"{uri}: cannot tell the format from the extension {_extension(uri)!r}; expected {', '.join(_FORMATS)}; "
            f"{advice}"
        )
    return told


def _splits_by_name(source: str, uris: Sequence[str]) -> Mapping[str, str]:
    """Split by file if the part of its path below `source` mentions one; empty if no file is named so."""
    base = re.split(r"[*?\[{]", source, maxsplit=1)[0]
    base = base if base == source else base.rpartition("/")[0]
    words = {uri: re.split(r"[^A-Za-z0-9]+", uri.removeprefix(base)) for uri in uris}
    owners = {uri: split for uri in uris if (split := split_in_name(words[uri])) is not None}
    if not owners or len(uris) == 1:
        return {}
    if base == source:
        _refuse_several_data_sets(source, owners)
    stray = next((uri for uri in uris if uri not in owners), None)
    if stray is not None or "train" not in owners.values():
        complaint = f"{stray} is not named after a split" if stray else "no file is named train"
        raise DataError(
            f"{source}: some files are named after splits, but {complaint}; rename it, or name the files of every "
            "split under `splits`"
        )
    return owners


def _refuse_several_data_sets(source: str, owners: Mapping[str, str]) -> None:
    """Configurations of a data set, as a repository has them side by side, mostly hold the same rows."""
    homes: dict[str, set[str]] = {}
    for uri, split in owners.items():
        home = uri.rpartition("/")[0]
        name = home.rpartition("/")[2]
        if split_in_name(re.split(r"[^A-Za-z0-9]+", name)) is None:
            homes.setdefault(split, set()).add(name)
    for split, names in homes.items():
        if len(names) > 1:
            told = sorted(names)
            base, ending = source.rstrip("/"), _extension(next(iter(owners)))
            raise DataError(
                f"{source}: the split {split} stands in several directories ({', '.join(told)}), which may "
                "be configurations of one data set with the same rows; name one of them "
                f"(`source: {base}/{told[0]}`), or all files by a pattern (`source: {base}/*/*{ending}*`)"
            )


def _with_short_names(sources: Sequence[SourceFile]) -> tuple[SourceFile, ...]:
    """Names the files by base name, or by as many directories more as it takes to tell them apart."""
    paths = [PurePosixPath(source.uri.partition("://")[2] or source.uri) for source in sources]
    for depth in range(1, max((len(path.parts) for path in paths), default=1) + 1):
        names = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(names)) == len(names):
            return tuple(replace(source, name=name) for source, name in zip(sources, names, strict=True))
    first = next(source.uri for i, source in enumerate(sources) if source.uri in [s.uri for s in sources[:i]])
    raise DataError(f"{first}: is named more than once; every file may belong to one split only")
