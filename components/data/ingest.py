"""Source files into shards of examples: every row becomes one example or one dead letter."""

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from components.core.errors import UserError
from components.data.dead_letters import DeadLetterWriter
from components.data.delimited import Dialect
from components.data.example_proto import encode_example
from components.data.readers import open_source
from components.data.row_parser import LabelledText, RowParser
from components.data.rows import BrokenRow, Row, RowError
from components.data.shards import ShardWriter
from components.data.source_files import SourceFile
from components.data.splits import HashSplitter, normalize_text

__all__ = ["FileReport", "IngestPlan", "ingest_file"]


@dataclass(frozen=True)
class IngestPlan:
    """What to do with every row of every file.

    Attributes:
        dialect: how CSV and TSV files are written.
        parser: how a row becomes an example.
        splitter: how rows of files that belong to no split are dealt.
        split_by: `id`, `group` or `text`: what the splitter hashes.
        validation_splitter: moves a share of the rows of given `train` files to `validation`; None to leave them.
        rows_per_shard: most rows in one shard.
    """

    dialect: Dialect
    parser: RowParser
    splitter: HashSplitter
    split_by: str
    validation_splitter: HashSplitter | None
    rows_per_shard: int

    def split(self, source: SourceFile, example: LabelledText) -> str:
        """Name of the split that the example belongs to."""
        if source.split is None:
            return self.splitter.split(self._key(example))
        if source.split == "train" and self.validation_splitter is not None:
            return self.validation_splitter.split(self._key(example))
        return source.split

    def _key(self, example: LabelledText) -> str:
        if self.split_by == "id":
            return example.id
        if self.split_by == "group" and example.group is not None:
            return example.group
        return normalize_text(example.text)


@dataclass
class FileReport:
    """What became of one source file.

    Attributes:
        source: its position among the sources.
        rows: rows read.
        examples: examples written, by split.
        dead_letters: rows refused, by reason.
        first_dead_letter: the first of them in words.
        labels: every label that an example has.
        encoding: as in `OpenSource`.
        error: why the file as a whole could not be read; None if it could.
    """

    source: int
    rows: int = 0
    examples: dict[str, int] = field(default_factory=dict)
    dead_letters: dict[str, int] = field(default_factory=dict)
    first_dead_letter: str | None = None
    labels: tuple[str, ...] = ()
    encoding: str = ""
    error: str | None = None


def ingest_file(
    index: int, source: SourceFile, plan: IngestPlan, directory: Path, *, located: str | None = None
) -> FileReport:
    """Reads one source file into the directory of an Examples artifact.

    Shards are written as unnumbered parts (`components.data.shards`), dead letters to
    `dead_letters/part-<index>.jsonl`; running again replaces both. A mistake about the file as a whole is reported,
    not raised, so that it passes through any Beam runner unchanged.

    Args:
        index: position of the file among the sources, from 0.
        source: the file.
        plan: what to do with its rows.
        directory: of the artifact; must exist, with `dead_letters` in it.
        located: where a copy of the file is read; the file itself is if None.
    """
    report = FileReport(index)
    located = located or source.uri
    try:
        _ingest(source, plan, directory, report, located)
    except UserError as err:
        report.error = str(err).replace(located, source.uri)
    return report


def _ingest(source: SourceFile, plan: IngestPlan, directory: Path, report: FileReport, located: str) -> None:
    wanted = plan.parser.columns.wanted
    labels: set[str] = set()
    writers: dict[str, ShardWriter] = {}
    with ExitStack() as stack:
        letters = stack.enter_context(
            DeadLetterWriter(directory / "dead_letters" / f"part-{report.source:05d}.jsonl", source.uri)
        )
        opened = stack.enter_context(open_source(replace(source, uri=located), plan.dialect, wanted))
        report.encoding = opened.encoding
        for row in opened.rows:
            report.rows += 1
            example = _parse(row, source, plan, letters)
            if example is None:
                continue
            split = plan.split(source, example)
            if split not in writers:
                shards = ShardWriter(directory / f"Split-{split}", report.source, plan.rows_per_shard)
                writers[split] = stack.enter_context(shards)
            writers[split].write(encode_example(example.features()))
            labels.update(example.labels)
    if report.rows == 0:
        report.error = f"{source.uri}: has no rows; expected rows of text and labels"
    report.examples = {split: writer.count for split, writer in sorted(writers.items())}
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
        return plan.parser.parse(row.values, default_id=f"{source.name}:{row.number}")
    except RowError as err:
        letters.write(row.number, err.reason, err.detail, _content(row))
        return None


def _content(row: Row) -> str:
    return "\t".join(f"{name}={value!s:.200}" for name, value in row.values.items() if value is not None)
