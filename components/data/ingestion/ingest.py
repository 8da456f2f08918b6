"""Units of source files into staged records: every row becomes one record or one dead letter."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from components.core.errors import UserError
from components.data.duplicates.signatures import Pool, SignatureWriter
from components.data.ingestion.corrections import CorrectionFile, apply_corrections
from components.data.ingestion.dead_letters import DeadLetterWriter
from components.data.ingestion.nested_rows import NestedRows
from components.data.ingestion.row_parser import LabelledText, RowParser
from components.data.ingestion.splits import HashSplitter, normalize_text
from components.data.records.example_proto import encode_example
from components.data.records.tfrecord import RecordWriter
from components.data.sources.delimited import Dialect
from components.data.sources.rows import BrokenRow, Row, RowError
from components.data.sources.source_files import SourceFile
from components.data.sources.source_units import SourceUnit, UnitPlan, open_unit

__all__ = ["DEAD_LETTERS", "STAGING", "IngestPlan", "UnitReport", "ingest_unit", "part_name"]

STAGING = ".staging"
"""Directory in the Examples artifact, of records that have no place yet; removed at the end."""

DEAD_LETTERS = "dead_letters"
"""Directory in the Examples artifact."""


@dataclass(frozen=True)
class IngestPlan:
    """What to do with every row of every file.

    Attributes:
        dialect: how CSV and TSV files are written.
        parser: how a row becomes an example.
        split_names: all splits; a row's split is told by its position here.
        splitter: how rows of files that belong to no split are dealt.
        split_by: `id`, `group` or `text`: what the splitter hashes.
        validation_splitter: moves a share of the rows of given `train` files to `validation`; None to leave them.
        near_duplicates: whether what is needed to find nearly equal texts is kept.
        contexts: whether texts are equal only where their contexts are, too.
        nested: how records that hold several rows are taken apart; None if each is one row.
        corrections: what persons decided about rows, in the order in which it applies.
    """

    dialect: Dialect
    parser: RowParser
    split_names: tuple[str, ...]
    splitter: HashSplitter
    split_by: str
    validation_splitter: HashSplitter | None
    near_duplicates: bool
    contexts: bool
    nested: NestedRows | None = None
    corrections: tuple[CorrectionFile, ...] = ()

    @property
    def source_columns(self) -> tuple[str, ...]:
        """The columns that are read from files."""
        wanted = self.parser.columns.wanted
        return wanted if self.nested is None else self.nested.source_columns(wanted)

    @property
    def named_columns(self) -> tuple[str, ...]:
        """The columns that rows must have: those that the configuration names."""
        wanted = self.parser.columns.wanted
        return wanted if self.nested is None else self.nested.columns_of_items(wanted)

    def rows(self, records: Iterable[Row | BrokenRow], source: SourceFile) -> Iterator[Row | BrokenRow]:
        """The rows that a file's records hold."""
        if self.nested is None:
            yield from records
            return
        for record in records:
            if isinstance(record, BrokenRow):
                yield record
                continue
            try:
                yield from self.nested.expand(record, f"{source.name}:{record.number}")
            except RowError as err:
                yield BrokenRow(record.number, err.reason, err.detail, _content(record))

    def split(self, source: SourceFile, example: LabelledText, normalized: str) -> tuple[int, int]:
        """The position of the split that the example belongs to, and its `Pool`.

        Args:
            source: the file that it comes from.
            example: the example.
            normalized: its text without differences in case and white space.
        """
        pool, splitter = Pool.DEALT, self.splitter
        if source.split is not None:
            if source.split != "train" or self.validation_splitter is None:
                return self.split_names.index(source.split), Pool.FIXED
            pool, splitter = Pool.CARVED, self.validation_splitter
        key = normalized
        if self.split_by == "id":
            key = example.id
        elif self.split_by == "group" and example.group is not None:
            # The group keeps its split, whatever its texts resemble.
            key, pool = example.group, Pool.FIXED
        return self.split_names.index(splitter.split(key)), pool


@dataclass
class UnitReport:
    """What became of one unit of a source file.

    Attributes:
        source: position of the file among the sources.
        part: position of the unit in the file.
        rows: rows read.
        examples: records staged.
        dead_letters: rows refused, by reason.
        first_dead_letter: the first of them in words.
        removed: rows left out because a person said so.
        corrected: rows by the position of the file of corrections and the row key that it knows them by.
        labels: every label that an example has in the source.
        masked: personal data masked in examples, by kind.
        masked_rows: examples in which something was masked.
        columns: names of the columns that were seen, where every row names its own.
        longest: lines of the row that spans the most of them, and its number.
        error: why the unit as a whole could not be read; None if it could.
    """

    source: int
    part: int
    rows: int = 0
    examples: int = 0
    dead_letters: dict[str, int] = field(default_factory=dict)
    first_dead_letter: str | None = None
    removed: int = 0
    corrected: Counter[tuple[int, str]] = field(default_factory=Counter)
    labels: tuple[str, ...] = ()
    masked: dict[str, int] = field(default_factory=dict)
    masked_rows: int = 0
    columns: frozenset[str] = frozenset()
    longest: tuple[int, int] = (0, 0)
    error: str | None = None


def part_name(source: int, part: int) -> str:
    """Name of all files about a unit, without extension; sorted names are in the order of the rows."""
    return f"{source:05d}-{part:05d}"


def ingest_unit(
    unit: SourceUnit,
    source: SourceFile,
    reading: UnitPlan,
    plan: IngestPlan,
    directory: Path,
    *,
    located: str | None = None,
) -> UnitReport:
    """Reads one unit of a source file.

    Records go to `<STAGING>/<part name>.tfrecord`, what is needed to place them beside it, dead letters to
    `<DEAD_LETTERS>/part-<part name>.jsonl`; running again replaces all of them. A mistake about the file as a whole is
    reported, not raised, so that it passes through any Beam runner unchanged.

    Args:
        unit: which rows of the file.
        source: the file.
        reading: what was found about the file when its units were planned.
        plan: what to do with its rows.
        directory: where these directories are, or are made.
        located: where the file is read, if not in its own place.
    """
    report = UnitReport(unit.source, unit.part)
    for name in (STAGING, DEAD_LETTERS):
        (directory / name).mkdir(exist_ok=True)
    located = located or source.uri
    try:
        _ingest(unit, source, reading, plan, report, directory, located)
    except UserError as err:
        report.error = str(err).replace(located, source.uri)
    return report


def _ingest(
    unit: SourceUnit,
    source: SourceFile,
    reading: UnitPlan,
    plan: IngestPlan,
    report: UnitReport,
    directory: Path,
    located: str,
) -> None:
    name = part_name(unit.source, unit.part)
    staged = directory / STAGING / name
    letters_path = directory / DEAD_LETTERS / f"part-{name}.jsonl"
    here = replace(source, uri=located)
    labels: set[str] = set()
    with ExitStack() as stack:
        letters = stack.enter_context(DeadLetterWriter(letters_path, source.name, plan.parser.preparation))
        opened = stack.enter_context(open_unit(here, unit, reading, plan.dialect, plan.source_columns))
        records = stack.enter_context(RecordWriter(staged.with_suffix(".tfrecord")))
        signatures = SignatureWriter(staged, near=plan.near_duplicates)
        columns = set[str]()
        for row in plan.rows(opened.rows, source):
            report.rows += 1
            if isinstance(row, Row) and row.lines > report.longest[0]:
                report.longest = (row.lines, row.number)
            if plan.nested is not None and isinstance(row, Row):
                columns.update(row.values)
            example = _parse(row, source, plan, letters)
            if example is None:
                continue
            labels.update(example.labels)
            example = apply_corrections(example, plan.corrections, plan.parser, report.corrected)
            if example is None:
                report.removed += 1
                continue
            normalized = normalize_text(example.text)
            split, pool = plan.split(source, example, normalized)
            context = normalize_text(example.context or "") if plan.contexts else ""
            signatures.add(example.text, normalized, example.labels, split, pool, context=context)
            records.write(encode_example(example.features()))
            if example.masked:
                report.masked_rows += 1
                for kind, count in example.masked.items():
                    report.masked[kind] = report.masked.get(kind, 0) + count
        signatures.close()
    report.examples = records.count
    report.columns = frozenset({*opened.columns_seen, *columns})
    report.dead_letters = {reason.value: count for reason, count in sorted(letters.counts.items())}
    report.first_dead_letter = letters.first
    report.labels = tuple(sorted(labels))


def _parse(
    row: Row | BrokenRow, source: SourceFile, plan: IngestPlan, letters: DeadLetterWriter
) -> LabelledText | None:
    """The row's example, or None after a dead letter was written."""
    if isinstance(row, BrokenRow):
        letters.write(row.number, row.reason, row.detail, row.content)
        return None
    try:
        return plan.parser.parse(row.values, default_id=f"{source.name}:{row.place}")
    except RowError as err:
        detail = f"item {row.item}: {err.detail}" if row.item else err.detail
        letters.write(row.number, err.reason, detail, _content(row))
        return None


def _content(row: Row) -> str:
    return "\t".join(f"{name}={value!s}" for name, value in row.values.items() if value is not None)
