"""The configuration of ExampleGen: which files are read, what their columns mean, and how rows are divided."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, field_validator, model_validator

from components.core.config import Config, ExternalInput, InputPath, Problem, absent
from components.core.errors import UserError
from components.data.ingestion.cleaning import Cleaning
from components.data.ingestion.columns_config import Columns, LabelNames, Nested
from components.data.ingestion.division_config import Duplicates, SpanRange, SplitShares
from components.data.ingestion.splits import canonical_split
from components.data.pii.settings import Pii
from components.data.presets import label_mapping, source_settings
from components.data.sources.bigquery import BIGQUERY, data_version
from components.data.sources.dataset_folders import files_beside
from components.data.sources.encodings import known_encoding
from components.data.sources.source_files import Format, SourceFile, find_sources
from components.data.sources.spans import SpanRule

__all__ = ["ExampleGenConfig"]


def _one_or_several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


SplitName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Character = Annotated[str, StringConstraints(min_length=1, max_length=1)]


class ExampleGenConfig(Config):
    """Which files are read, what their columns mean, and how rows are divided into splits."""

    preset: Literal["goemotions"] | None = None
    """Settings of a known data set, each of which can be overridden: `goemotions` reads the TSV files of its authors
    from the directory `source`."""

    source: InputPath | None = None
    """A file, a glob pattern or a directory, local or remote (`gs://`, `s3://`); text and TFRecord files may be
    compressed (`.gz`, `.zst`, `.bz2`, `.xz`). A directory may be one that `datasets` saved or TensorFlow Datasets
    prepared. `{SPAN}` and `{VERSION}`, or `{YYYY}-{MM}-{DD}`, stand for numbers or dates that count up (see `span`).
    Files that are named after splits (train, validation or dev, test) belong to them if there are several; all other
    rows are dealt by hash."""

    query: str | None = None
    """In place of `source`: a query in GoogleSQL whose rows are read from BigQuery (extra `gcp`); as with a table
    (`source: bigquery://project.dataset.table`), rows have no numbers, so that `columns.id` is needed."""

    splits: Mapping[SplitName, InputPath] = Field(default_factory=dict)
    """In place of `source`: a file, glob pattern or directory for each split (`train`, `validation`, `test`)."""

    span: Literal["newest", "all"] | SpanRange = "newest"
    """Which spans are read if `source` or `splits` have `{SPAN}` or a date in them: the newest, `all`, the last ones
    (`{last: 7}`) or a range (`{from: 2026-01-01, to: 2026-01-31}`); of each, the highest `{VERSION}`."""

    format: Format | None = None
    """Format of all files; told by the extension if not given."""

    header: bool = True
    """Whether the first line of a CSV or TSV file names the columns."""

    names: tuple[str, ...] = ()
    """Column names by position for CSV and TSV files without a header line (`header: false`)."""

    delimiter: Character | None = None
    """Character between fields of CSV and TSV files; a comma or a tab if not given."""

    encoding: str | None = None
    """Encoding of text files, such as `windows-1252`; told by each file's bytes if not given (UTF-8, or what most of
    its other characters say)."""

    quoting: bool = True
    """Whether `"` encloses fields of CSV and TSV files; false if it is a character like others."""

    columns: Columns = Columns()
    """Which column holds what."""

    nested: Nested | None = None
    """Where the rows are, if one record holds several; by default each record is one row."""

    separator: Annotated[str, StringConstraints(min_length=1)] | None = ","
    """What stands between labels where a text holds several; null if a text is one label, whatever it contains."""

    label_names: LabelNames = None
    """All labels in the order of their ids, as a list or a text file with one a line; the sorted labels of the data if
    not given. With it, data may hold ids (from 0) or names, and any other label makes its row a dead letter."""

    label_mapping: Mapping[str, str] = Field(default_factory=dict)
    """From a label in the data to the label that it becomes; others stay as they are. Or the name of a shipped mapping:
    `goemotions-ekman` (6 emotions and neutral), `goemotions-sentiment` (positive, negative, ambiguous, neutral)."""

    corrections: Annotated[tuple[InputPath, ...], BeforeValidator(_one_or_several)] = ()
    """Files that `emotion audit` wrote and a person filled in, one or a list, applied in this order: rows are changed
    or left out as their verdicts say, while the source stays as it is. Rows are known by text and labels, after
    cleaning, masking and mapping, so that a row that was mended in the source meanwhile is left alone, and counted."""

    cleaning: Cleaning = Cleaning()
    """What is repaired in texts."""

    pii: Pii = Pii()
    """Which personal data is masked in texts, ids, groups, slices and dead letters."""

    split_shares: SplitShares = SplitShares()
    """Sizes of the splits where rows are dealt by hash."""

    split_by: Literal["group", "text", "id"] | None = None
    """What is hashed: rows with equal values stay together. The group if there is such a column, else the text (but
    for case and white space), so that duplicates of a text never stand in two splits; `id` keeps a row in its split
    when its text is edited."""

    salt: str = ""
    """Any other salt gives another division by hash."""

    validation_share: float = Field(default=0.0, ge=0, lt=1)
    """Share (0-1) of the rows of given `train` files that is moved to `validation`, for data that come without one."""

    max_dead_letter_share: float = Field(default=0.01, ge=0, le=1)
    """Largest share (0-1) of rows that may be unusable: an odd typing error passes, a wrong setting does not."""

    duplicates: Duplicates = Duplicates()
    """What counts as a duplicate, and what becomes of it."""

    min_vote_share: float = Field(default=0.5, gt=0, le=1)
    """Share (0-1) of the raters that must have given a label, where labels come from `columns.votes`; a half, as a
    majority decides."""

    rows_per_shard: int = Field(default=100_000, ge=1)
    """Most rows in one output file: the unit of work of the stages after this one."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(values.get("preset"), str):
            return {**source_settings(values["preset"]), **values}
        return values

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, encoding: str | None) -> str | None:
        return None if encoding is None else known_encoding(encoding)

    @field_validator("delimiter")
    @classmethod
    def _usable_delimiter(cls, delimiter: str | None) -> str | None:
        if delimiter is not None and delimiter in '"\r\n':
            raise ValueError(f"{delimiter!r} cannot stand between fields; use another character")
        return delimiter

    @field_validator("splits", mode="before")
    @classmethod
    def _canonical_names(cls, splits: Any) -> Any:
        if not isinstance(splits, Mapping):
            return splits
        renamed = {canonical_split(str(name)): path for name, path in splits.items()}
        if len(renamed) < len(splits):
            raise ValueError(
                f"{', '.join(map(str, splits))}: two of these are the same split; name each once"
            )
        return renamed

    @field_validator("label_mapping", mode="before")
    @classmethod
    def _shipped_mapping(cls, mapping: Any) -> Any:
        return label_mapping(mapping) if isinstance(mapping, str) else mapping

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if sum(map(bool, (self.source, self.query, self.splits))) != 1:
            raise ValueError(
                "give either `source` (a file, glob or directory) or `splits` (one for each split), or `query`"
            )
        if self.columns.id is None and (self.query or _is_bigquery(self.source, self.splits)):
            raise ValueError("rows of BigQuery have no numbers; name the column of their ids in `columns.id`")
        if self.header == bool(self.names):
            raise ValueError(
                "`names` go with `header: false`: they name the columns of a file without a header line"
            )
        if self.columns.label_columns and self.label_names is not None:
            raise ValueError(
                "`label_names` do not go with `columns.label_columns`, whose names are the labels"
            )
        if self.nested is not None and self.nested.context_rows and self.columns.context is not None:
            raise ValueError("`nested.context_rows` makes the context; leave `columns.context` out")
        if self.duplicates.policy == "drop" and not self._items_differ():
            raise ValueError(
                "rows of one record have its text in common, and `duplicates.policy: drop` would leave one of them; "
                'set it to "off"'
            )
        in_groups = self.nested is not None and self.split_by == "group"
        if (
            self.split_by is not None
            and self.split_by != "text"
            and not in_groups
            and getattr(self.columns, self.split_by) is None
        ):
            raise ValueError(f"`split_by: {self.split_by}` needs `columns.{self.split_by}`")
        return self

    def _items_differ(self) -> bool:
        """Whether rows of one record have texts of their own, or contexts if those count."""
        read = (self.columns.text, self.columns.context if self.duplicates.contexts else None)
        return self.nested is None or any(name and name.startswith(f"{self.nested.column}.") for name in read)

    def sources(self) -> tuple[SourceFile, ...]:
        """The files to be read.

        Raises:
            DataError: one is missing, or its format cannot be told.
        """
        if self.query is not None:
            return (SourceFile(f"{BIGQUERY}query", "bigquery", "query", query=self.query),)
        return find_sources(self.source, self.splits, self.format, self._span_rule())

    def external_versions(self) -> Mapping[str, str]:
        tables = (source for source in self.sources() if source.format == "bigquery")
        versions = {source.uri: data_version(source.uri, source.query) for source in tables}
        return {**versions, **self.pii.external_versions()}

    def _span_rule(self) -> SpanRule:
        if isinstance(self.span, str):
            return SpanRule(last=1 if self.span == "newest" else None)
        return SpanRule(self.span.last, self.span.first, self.span.final)

    def external_inputs(self) -> tuple[ExternalInput, ...]:
        """The files that `source` or `splits` mean now, by the split that they belong to, and all that others name."""
        files = [source for source in self.sources() if source.format != "bigquery"]
        sources = [
            ExternalInput(
                "source" if file.split is None else f"splits.{file.split}",
                file.uri,
                "/".join(part for part in (file.span, file.version, file.name) if part is not None),
            )
            for file in files
        ]
        others = (group.column for group in self.columns.more_labels.values())
        beside = files_beside([file.uri for file in files], (self.columns.labels or "labels", *others))
        described = [
            ExternalInput("beside the sources", uri, f"{number}/{uri.rpartition('/')[2]}")
            for number, uri in enumerate(beside)
        ]
        return (*sources, *described, *self._named())

    def problems(self) -> Iterator[Problem]:
        try:
            self.sources()
        except UserError as err:
            yield Problem("source" if self.source is not None else "splits", str(err))
        yield from absent(self._named())

    def _named(self) -> tuple[ExternalInput, ...]:
        """What settings name but the sources, which may be patterns of their own kind."""
        named = super().external_inputs()
        return tuple(one for one in named if one.setting.partition(".")[0] not in ("source", "splits"))


def _is_bigquery(source: str | None, splits: Mapping[str, str]) -> bool:
    return any(uri.startswith(BIGQUERY) for uri in (source or "", *splits.values()))
