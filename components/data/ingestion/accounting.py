"""The proof that ExampleGen lost nothing: each row is one example, one dead letter, one dropped duplicate, or was
removed by a person."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.core.artifacts import Examples
from components.core.errors import DataError, StageError
from components.data.ingestion.corrections import CorrectionFile, corrections_summary
from components.data.ingestion.distribute import PartReport
from components.data.ingestion.ingest import UnitReport, part_name
from components.data.ingestion.shards import number_shards
from components.data.records.tfrecord import read_records
from components.data.sources.rows import Reason, require_columns
from components.data.sources.source_files import SourceFile
from components.data.sources.source_units import UnitPlan

__all__ = [
    "FileReport",
    "finish_splits",
    "merge_units",
    "require_all_distributed",
    "require_few_dead_letters",
    "summarize",
]


@dataclass(frozen=True)
class FileReport:
    """What became of one source file.

    Attributes:
        source: the file.
        encoding: as found when it was opened.
        units: what became of its units, in order.
    """

    source: SourceFile
    encoding: str
    units: Sequence[UnitReport]

    @property
    def rows(self) -> int:
        """Rows read."""
        return sum(unit.rows for unit in self.units)

    @property
    def examples(self) -> int:
        """Rows that became examples."""
        return sum(unit.examples for unit in self.units)

    @property
    def dead_letters(self) -> Counter[str]:
        """Rows refused, by reason."""
        return _total(unit.dead_letters for unit in self.units)

    @property
    def first_dead_letter(self) -> str | None:
        """The first of them in words."""
        return next((unit.first_dead_letter for unit in self.units if unit.first_dead_letter), None)

    @property
    def longest(self) -> tuple[int, int]:
        """Lines of the row that spans the most of them, and its number."""
        return max((unit.longest for unit in self.units), key=lambda row: row[0])


def merge_units(
    sources: Sequence[SourceFile],
    plans: Sequence[UnitPlan],
    reports: Sequence[UnitReport],
    wanted: Sequence[str],
) -> list[FileReport]:
    """Gathers the units by file and checks that every file was read once, as a whole, and lost no row.

    Args:
        sources: the files.
        plans: how each was divided.
        reports: what became of every unit, in any order.
        wanted: columns that every file must have.

    Raises:
        DataError: a file could not be read, has no rows, or lacks a wanted column.
        StageError: rows or units were lost or doubled.
    """
    planned = [(unit.source, unit.part) for plan in plans for unit in plan.units]
    reports = sorted(reports, key=lambda report: (report.source, report.part))
    if [(report.source, report.part) for report in reports] != planned:
        raise StageError(
            f"{len(planned)} units of files were to be read but {len(reports)} were reported; run again"
        )
    merged = []
    for index, (source, plan) in enumerate(zip(sources, plans, strict=True)):
        own = [report for report in reports if report.source == index]
        merged.append(FileReport(source, plan.encoding, own))
        _require_sound(merged[-1])
        _require_keys(source, own, wanted)
    return merged


def _require_sound(file: FileReport) -> None:
    for unit in file.units:
        if unit.error is not None:
            raise DataError(unit.error)
        dead = sum(unit.dead_letters.values())
        if unit.rows != unit.examples + dead + unit.removed:
            raise StageError(
                f"{file.source.uri}: {unit.rows} rows gave {unit.examples} examples and {dead} dead letters, and "
                f"{unit.removed} were removed by corrections; they must add up"
            )
    if not file.rows:
        raise DataError(f"{file.source.uri}: has no rows; expected rows of text and labels")


def _require_keys(source: SourceFile, units: Sequence[UnitReport], wanted: Sequence[str]) -> None:
    """Where every row names its own columns: each wanted one must be in some row."""
    seen: frozenset[str] = frozenset().union(*(unit.columns for unit in units))
    if seen:
        require_columns(source.uri, wanted, sorted(seen))


def require_few_dead_letters(files: Sequence[FileReport], max_share: float) -> None:
    """Checks that no more than `max_share` (0-1) of all rows are dead letters, and that there are examples.

    Raises:
        DataError: there are more; the message names the first one, the count and the remedy.
    """
    rows = sum(file.rows for file in files)
    reasons = _total(file.dead_letters for file in files)
    dead = reasons.total()
    if dead <= max_share * rows and dead < rows:
        return
    where, first = next((file.source.uri, file.first_dead_letter) for file in files if file.first_dead_letter)
    remedy = Reason(reasons.most_common(1)[0][0]).remedy
    raise DataError(
        f"{where}: {first}; in all {dead:,} of {rows:,} rows cannot be used ({dead / rows:.1%}; "
        f"`max_dead_letter_share` allows {max_share:.1%}): {remedy}"
    )


def require_all_distributed(files: Sequence[FileReport], parts: Sequence[PartReport]) -> None:
    """Checks that every staged record was written to one split or dropped.

    Raises:
        StageError: one was lost or doubled.
    """
    staged = {part_name(unit.source, unit.part): unit.examples for file in files for unit in file.units}
    placed = Counter({part.name: part.written.total() + part.dropped for part in parts})
    if len(parts) != len(staged) or any(placed[name] != count for name, count in staged.items()):
        raise StageError(
            f"{sum(staged.values())} examples were staged but {placed.total()} distributed; run again"
        )


def finish_splits(
    examples: Examples, expected: Collection[str], parts: Sequence[PartReport]
) -> Mapping[str, int]:
    """Numbers the shards of the expected splits, reads them back, and returns the number of examples by split.

    Raises:
        StageError: a split does not hold as many records as were reported.
    """
    written = _total(part.written for part in parts)
    for split in sorted({*expected, *written}):
        number_shards(examples.split_dir(split), "examples")
        found = sum(1 for shard in examples.shards(split) for _ in read_records(shard))
        if found != written[split]:
            raise StageError(
                f"split {split}: {written[split]} examples were written but {found} are there; run again"
            )
    return {split: written[split] for split in examples.splits()}


def summarize(
    files: Sequence[FileReport],
    parts: Sequence[PartReport],
    *,
    labels: Sequence[str],
    targets: Sequence[str],
    rows: Mapping[str, int],
    placeholders: Sequence[str],
    duplicates: Mapping[str, Any] | None,
    corrections: Sequence[CorrectionFile] = (),
) -> dict[str, Any]:
    """The content of `summary.json`.

    Args:
        files: what became of each file.
        parts: what became of each staged part.
        labels: the label list.
        targets: the target list.
        rows: number of examples by split.
        placeholders: what personal data were masked with.
        duplicates: what was found about duplicates; None if they were not looked for.
        corrections: the files of corrections, in order.

    Raises:
        DataError: a file of corrections does not fit the data.
    """
    reasons = _total(file.dead_letters for file in files)
    units = [unit for file in files for unit in file.units]
    by_part = {part.name: part.written for part in parts}
    return {
        "labels": list(labels),
        "targets": list(targets),
        "splits": {split: {"rows": count} for split, count in rows.items()},
        "dead_letters": reasons.total(),
        "dead_letters_by_reason": dict(sorted(reasons.items())),
        "placeholders": list(placeholders),
        "masked": dict(sorted(_total(unit.masked for unit in units).items())),
        "masked_rows": sum(unit.masked_rows for unit in units),
        "duplicates": duplicates,
        "corrections": corrections_summary(
            corrections, _total(unit.corrected for unit in units), labels=labels, targets=targets
        ),
        "spans": list(dict.fromkeys(file.source.span for file in files if file.source.span)) or None,
        "sources": [
            {
                "name": file.source.name,
                "format": file.source.format,
                "encoding": file.encoding,
                "rows": file.rows,
                "examples": dict(
                    sorted(_total(by_part[part_name(unit.source, unit.part)] for unit in file.units).items())
                ),
                "dead_letters": file.dead_letters.total(),
            }
            for file in files
        ],
    }


def _total(counts: Any) -> Counter[Any]:
    total: Counter[Any] = Counter()
    for counted in counts:
        total.update(counted)
    return total
