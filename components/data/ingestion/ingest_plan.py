"""From the configuration of ExampleGen to what is done with every row."""

from collections.abc import Sequence

from components.core.errors import DataError
from components.data.duplicates.resolve import DuplicateRules
from components.data.ingestion.corrections import read_corrections
from components.data.ingestion.example_gen_config import ExampleGenConfig
from components.data.ingestion.ingest import IngestPlan
from components.data.ingestion.label_groups import LabelGroup
from components.data.ingestion.labels import LabelReader, read_label_names
from components.data.ingestion.nested_rows import NestedRows
from components.data.ingestion.row_parser import ColumnNames, RowParser
from components.data.ingestion.splits import HashSplitter
from components.data.ingestion.text_preparation import prepare_with
from components.data.sources.delimited import Dialect
from components.data.sources.source_files import SourceFile
from components.data.sources.source_units import UnitPlan

__all__ = [
    "column_names",
    "duplicate_rules",
    "expected_splits",
    "make_dialect",
    "make_plan",
    "nested_rows",
    "source_columns",
]


def make_plan(
    config: ExampleGenConfig, sources: Sequence[SourceFile], readings: Sequence[UnitPlan]
) -> IngestPlan:
    """What the configuration says about rows.

    Args:
        config: the configuration.
        sources: the files.
        readings: what was found about each file when it was divided into units.

    Raises:
        UserError: a file that the configuration names (label names, a key, corrections) cannot be read.
    """
    labels = _make_label_reader(config, readings)
    columns = column_names(config)
    carved = (("validation", config.validation_share), ("train", 1 - config.validation_share))
    return IngestPlan(
        dialect=make_dialect(config),
        parser=RowParser(
            columns,
            labels,
            prepare_with(config.cleaning, config.pii),
            config.min_vote_share,
            _make_label_groups(config, readings),
        ),
        nested=nested_rows(config),
        split_names=tuple(sorted(expected_splits(config, sources))),
        splitter=HashSplitter(tuple(config.split_shares.model_dump().items()), config.salt),
        split_by=config.split_by or ("group" if columns.group else "text"),
        validation_splitter=HashSplitter(carved, config.salt) if config.validation_share else None,
        near_duplicates=config.duplicates.near and config.duplicates.policy != "off",
        contexts=config.duplicates.contexts,
        corrections=tuple(map(read_corrections, config.corrections)),
    )


def column_names(config: ExampleGenConfig) -> ColumnNames:
    """The configured columns; labels are in `labels` if nothing says what is known of a text."""
    columns = config.columns.model_dump()
    columns["more_labels"] = tuple(group.column for group in config.columns.more_labels.values())
    known = ("labels", "label_columns", "votes", "more_labels", "targets")
    if not any(columns[name] for name in known):
        columns["labels"] = "labels"
    nested = nested_rows(config)
    if nested is not None:
        columns["group"] = columns["group"] or nested.record_column
        if nested.context_rows:
            columns["context"] = nested.context_column
    return ColumnNames(**columns)


def nested_rows(config: ExampleGenConfig) -> NestedRows | None:
    """How records are taken apart; None if each is one row."""
    if config.nested is None:
        return None
    return NestedRows(text=config.columns.text, **config.nested.model_dump())


def source_columns(config: ExampleGenConfig) -> tuple[str, ...]:
    """The columns that files must have."""
    wanted, nested = column_names(config).wanted, nested_rows(config)
    return wanted if nested is None else nested.source_columns(wanted)


def make_dialect(config: ExampleGenConfig) -> Dialect:
    """How text files are written."""
    return Dialect(config.delimiter, config.quoting, config.names or None, config.encoding)


def _make_label_reader(config: ExampleGenConfig, readings: Sequence[UnitPlan]) -> LabelReader:
    """Labels are those that are configured, else those that the files name themselves, else what comes."""
    names = config.label_names
    if isinstance(names, str):
        names = read_label_names(names)
    coded = names is None
    if names is None:
        names = _names_in_files(config.columns.labels or "labels", readings)
    names = config.columns.label_columns or names
    return LabelReader(names, config.label_mapping, config.separator, coded)


def _make_label_groups(config: ExampleGenConfig, readings: Sequence[UnitPlan]) -> tuple[LabelGroup, ...]:
    groups = []
    for name, group in config.columns.more_labels.items():
        names = group.names
        if isinstance(names, str):
            names = read_label_names(names)
        coded = names is None
        if names is None:
            names = _names_in_files(group.column, readings)
        reader = LabelReader(names, group.mapping, config.separator, coded)
        groups.append(LabelGroup(name, group.column, reader))
    return tuple(groups)


def _names_in_files(column: str, readings: Sequence[UnitPlan]) -> tuple[str, ...] | None:
    """The names of the classes that all files agree on; None if no file names any."""
    told = {reading.class_names.get(column) for reading in readings}
    if len(told) > 1:
        raise DataError(
            f"column {column!r}: the files name different classes, so that an id may mean one label here and another "
            "there; give `label_names`"
        )
    return told.pop() if told else None


def duplicate_rules(config: ExampleGenConfig) -> DuplicateRules | None:
    """What counts as a duplicate; None if they are not looked for."""
    rules = config.duplicates
    if rules.policy == "off":
        return None
    return DuplicateRules(rules.policy, rules.near, rules.similarity, rules.min_words)


def expected_splits(config: ExampleGenConfig, sources: Sequence[SourceFile]) -> set[str]:
    """The splits that the data should have, with examples or without."""
    expected = {source.split for source in sources if source.split is not None}
    if config.validation_share and "train" in expected:
        expected.add("validation")
    if any(source.split is None for source in sources):
        expected |= {split for split, share in config.split_shares.model_dump().items() if share > 0}
    return expected
