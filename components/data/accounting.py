"""The proof that ExampleGen lost nothing: every row of every file is one example or one dead letter."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from components.core.artifacts import Examples
from components.core.errors import DataError, StageError
from components.data.ingest import FileReport
from components.data.rows import Reason
from components.data.shards import number_shards
from components.data.source_files import SourceFile
from components.data.tfrecord import read_records

__all__ = ["finish_splits", "require_complete", "require_few_dead_letters", "summarize"]


def require_complete(sources: Sequence[SourceFile], reports: Sequence[FileReport]) -> None:
    """Checks that every file was read once, as a whole, and that each of its rows is accounted for.

    Raises:
        DataError: a file could not be read.
        StageError: rows or files were lost or doubled.
    """
    for report in reports:
        if report.error is not None:
            raise DataError(report.error)
    if [report.source for report in reports] != list(range(len(sources))):
        raise StageError(f"{len(sources)} files were to be read but {len(reports)} were reported; run again")
    for source, report in zip(sources, reports, strict=True):
        examples, dead = sum(report.examples.values()), sum(report.dead_letters.values())
        if report.rows != examples + dead:
            raise StageError(
                f"{source.uri}: {report.rows} rows gave {examples} examples and {dead} dead letters; they must add up"
            )


def require_few_dead_letters(
    sources: Sequence[SourceFile], reports: Sequence[FileReport], max_share: float
) -> None:
    """Checks that no more than `max_share` (0-1) of all rows are dead letters, and that there are examples.

    Raises:
        DataError: there are more; the message names the first one, the count and the remedy.
    """
    rows = sum(report.rows for report in reports)
    reasons: Counter[str] = Counter()
    for report in reports:
        reasons.update(report.dead_letters)
    dead = reasons.total()
    if dead <= max_share * rows and dead < rows:
        return
    where, first = next(
        (source.uri, report.first_dead_letter)
        for source, report in zip(sources, reports, strict=True)
        if report.first_dead_letter
    )
    remedy = Reason(reasons.most_common(1)[0][0]).remedy
    raise DataError(
        f"{where}: {first}; in all {dead:,} of {rows:,} rows cannot be used ({dead / rows:.1%}; "
        f"`max_dead_letter_share` allows {max_share:.1%}): {remedy}"
    )


def finish_splits(
    examples: Examples, expected: Collection[str], reports: Sequence[FileReport]
) -> Mapping[str, int]:
    """Numbers the shards of the expected splits, reads them back, and returns the number of examples by split.

    Raises:
        StageError: a split does not hold as many records as were reported.
    """
    written: Counter[str] = Counter()
    for report in reports:
        written.update(report.examples)
    for split in sorted(expected):
        number_shards(examples.split_dir(split), "examples")
        found = sum(1 for shard in examples.shards(split) for _ in read_records(shard))
        if found != written[split]:
            raise StageError(
                f"split {split}: {written[split]} examples were written but {found} are there; run again"
            )
    return {split: written[split] for split in examples.splits()}


def summarize(
    sources: Sequence[SourceFile],
    reports: Sequence[FileReport],
    labels: Sequence[str],
    rows: Mapping[str, int],
) -> dict[str, Any]:
    """The content of `summary.json`.

    Args:
        sources: the files.
        reports: what became of each.
        labels: the label list.
        rows: number of examples by split.
    """
    reasons: Counter[str] = Counter()
    for report in reports:
        reasons.update(report.dead_letters)
    return {
        "labels": list(labels),
        "splits": {split: {"rows": count} for split, count in rows.items()},
        "dead_letters": reasons.total(),
        "dead_letters_by_reason": dict(sorted(reasons.items())),
        "sources": [
            {
                "uri": source.uri,
                "format": source.format,
                "encoding": report.encoding,
                "rows": report.rows,
                "examples": dict(report.examples),
                "dead_letters": sum(report.dead_letters.values()),
            }
            for source, report in zip(sources, reports, strict=True)
        ],
    }
