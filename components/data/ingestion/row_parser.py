"""From the values of a row to a labelled text, by the configured columns."""

import math
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from uuid import UUID

from components.core import features
from components.data.ingestion.label_groups import LabelGroup, refuse_group_names
from components.data.ingestion.labels import LabelReader
from components.data.ingestion.text_preparation import TextPreparation
from components.data.records.example_proto import FeatureValues
from components.data.sources.rows import Reason, RowError, quote, require_utf8

__all__ = ["ColumnNames", "LabelledText", "RowParser"]

_INVISIBLE = " \ufffd"
_LARGEST_FLOAT32 = 3.4028234663852886e38


@dataclass(frozen=True)
class ColumnNames:
    """Which column holds what.

    Attributes:
        text: the text to be classified.
        labels: one column with all labels of the row; None if `label_columns` or `votes` hold them, or there are none.
        label_columns: one 0/1 column per label.
        votes: how many raters gave each label, if that is told.
        raters: how many raters there were; the sum of the votes if None.
        id: the row's id, if any.
        group: what must stay in one split, if any.
        weight: weight of the example in the loss, if any.
        context: text before the utterance, if any.
        slices: values by which the evaluation is broken down.
        more_labels: columns with labels of other kinds.
        targets: columns of numbers that a regression learns.
    """

    text: str
    labels: str | None
    label_columns: tuple[str, ...] = ()
    votes: str | None = None
    raters: str | None = None
    id: str | None = None
    group: str | None = None
    weight: str | None = None
    context: str | None = None
    slices: tuple[str, ...] = ()
    more_labels: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()

    @property
    def has_labels(self) -> bool:
        """Whether there are labels of the first kind."""
        return bool(self.labels or self.label_columns or self.votes)

    @property
    def wanted(self) -> tuple[str, ...]:
        """Every column that is read."""
        single = (
            *(self.text, self.labels, self.votes, self.raters),
            *(self.id, self.group, self.weight, self.context),
        )
        named = [name for name in single if name is not None]
        several = (*self.label_columns, *self.slices, *self.more_labels, *self.targets)
        return tuple(dict.fromkeys([*named, *several]))


@dataclass(frozen=True, slots=True)
class LabelledText:
    """One example; absent values are None.

    Attributes:
        id: unique name of the row.
        text: cleaned and masked, with at least one visible character.
        labels: names in the order of the label list; may be empty.
        group: what must stay in one split.
        weight: from 0 up.
        context: text before the utterance, cleaned and masked.
        slices: value by slice column.
        targets: number by target column, of those that are known.
        votes: raters by label, in the order of the label list; empty if not told.
        masked: how many personal data of each kind were masked in the row.
    """

    id: str
    text: str
    labels: tuple[str, ...]
    group: str | None
    weight: float | None
    context: str | None
    slices: Mapping[str, str]
    targets: Mapping[str, float] = field(default_factory=dict)
    votes: Mapping[str, int] = field(default_factory=dict)
    masked: Mapping[str, int] = field(default_factory=dict)

    def features(self) -> Mapping[str, FeatureValues]:
        """The values for a tf.Example, as `components.core.features` names them; absent ones are left out."""
        values: dict[str, FeatureValues] = {
            features.ID: [self.id],
            features.TEXT: [self.text],
            features.LABELS: self.labels,
        }
        if self.group is not None:
            values[features.GROUP] = [self.group]
        if self.weight is not None:
            values[features.WEIGHT] = [self.weight]
        if self.context is not None:
            values[features.CONTEXT] = [self.context]
        if self.votes:
            values[features.VOTE_LABELS] = list(self.votes)
            values[features.VOTE_COUNTS] = list(self.votes.values())
        values.update({features.SLICE_PREFIX + column: [value] for column, value in self.slices.items()})
        values.update({features.TARGET_PREFIX + column: [value] for column, value in self.targets.items()})
        return values


@dataclass(frozen=True)
class RowParser:
    """Turns rows into examples.

    Attributes:
        columns: which column holds what.
        labels: how labels are read.
        preparation: how texts are cleaned and personal data masked.
        min_vote_share: share (0-1) of the raters that a label needs where the labels come from votes.
        groups: labels of other kinds, in the order of the label list.
    """

    columns: ColumnNames
    labels: LabelReader
    preparation: TextPreparation
    min_vote_share: float = 0.5
    groups: tuple[LabelGroup, ...] = ()

    def parse(self, values: Mapping[str, object], *, default_id: str) -> LabelledText:
        """Reads one row.

        Args:
            values: by column name; a column that is absent counts as missing value.
            default_id: id of a row that has none of its own.

        Raises:
            RowError: the row cannot be an example.
        """
        columns = self.columns
        votes = self.labels.read_votes(values.get(columns.votes)) if columns.votes else {}
        text, masked = self._read_text(values)
        masked = Counter(masked)
        given_id = self._read_name(values, columns.id, masked)
        group = self._read_name(values, columns.group, masked)
        return LabelledText(
            id=given_id or default_id,
            text=text,
            labels=self._read_all_labels(values, votes),
            group=group,
            weight=_read_weight(values.get(columns.weight)) if columns.weight else None,
            context=self._read_optional(values, columns.context, masked),
            slices=self._read_slices(values, masked),
            targets=self._read_targets(values),
            votes=votes,
            masked=masked,
        )

    def in_order(self, labels: Collection[str]) -> tuple[str, ...]:
        """Final label names of all kinds, in the order of the label list."""
        left, ordered = set(labels), list[str]()
        for group in self.groups:
            own = {label for label in left if label.startswith(group.prefix)}
            left -= own
            names = group.reader.in_order(label.removeprefix(group.prefix) for label in own)
            ordered += [group.prefix + name for name in names]
        return (*self.labels.in_order(left), *ordered)

    def _read_all_labels(self, values: Mapping[str, object], votes: Mapping[str, int]) -> tuple[str, ...]:
        labels = self._read_labels(values, votes)
        refuse_group_names(labels, self.groups)
        others = (label for group in self.groups for label in group.read(values.get(group.column)))
        return (*labels, *others)

    def _read_labels(self, values: Mapping[str, object], votes: Mapping[str, int]) -> tuple[str, ...]:
        columns = self.columns
        if columns.labels is not None:
            return self.labels.read(values.get(columns.labels))
        if columns.label_columns:
            return self.labels.read_indicators({name: values.get(name) for name in columns.label_columns})
        told = _read_number(values, columns.raters) if columns.raters else 0
        needed = self.min_vote_share * (told or sum(votes.values()))
        return tuple(label for label, count in votes.items() if count >= needed)

    def _read_text(self, values: Mapping[str, object]) -> tuple[str, Mapping[str, int]]:
        column = self.columns.text
        value = values.get(column)
        if value is None or (isinstance(value, float) and math.isnan(value)):
            raise RowError(Reason.EMPTY_TEXT)
        if not isinstance(value, str):
            raise RowError(Reason.WRONG_TYPE, f"column {column!r}: expected text, got {quote(value)}")
        require_utf8(value, f"column {column!r}")
        text, masked = self.preparation.prepare(value)
        if not any(character.isprintable() and character not in _INVISIBLE for character in text):
            raise RowError(Reason.EMPTY_TEXT)
        return text, masked

    def _read_optional(
        self, values: Mapping[str, object], column: str | None, masked: Counter[str]
    ) -> str | None:
        """Text cleaned and masked; None if there is none. Adds what was masked to `masked`."""
        value = _optional_text(values, column)
        if value is None:
            return None
        text, counts = self.preparation.prepare(value)
        masked.update(counts)
        return text or None

    def _read_name(
        self, values: Mapping[str, object], column: str | None, masked: Counter[str]
    ) -> str | None:
        """An id or a group, a pseudonym if personal data stands in it."""
        value = _optional_text(values, column)
        if value is None:
            return None
        name, counts = self.preparation.pseudonym(value)
        masked.update(counts)
        return name

    def _read_targets(self, values: Mapping[str, object]) -> dict[str, float]:
        found = {column: _read_target(values.get(column), column) for column in self.columns.targets}
        return {column: number for column, number in found.items() if number is not None}

    def _read_slices(self, values: Mapping[str, object], masked: Counter[str]) -> dict[str, str]:
        found = {column: self._read_optional(values, column, masked) for column in self.columns.slices}
        return {column: value for column, value in found.items() if value is not None}


def _optional_text(values: Mapping[str, object], column: str | None) -> str | None:
    """The value of a column as text; None if there is no such column or value."""
    value = values.get(column) if column is not None else None
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if not isinstance(value, str | int | float | date | Decimal | UUID):
        raise RowError(Reason.WRONG_TYPE, f"column {column!r}: expected one value, got {quote(value)}")
    text = str(value)
    require_utf8(text, f"column {column!r}")
    return text


def _read_number(values: Mapping[str, object], column: str) -> float:
    """A finite number from 0 up; 0 where there is none."""
    value = _read_weight(values.get(column), f"column {column!r}: ")
    return 0.0 if value is None else value


def _read_weight(value: object, where: str = "") -> float | None:
    if value is None or value == "":
        return None
    try:
        weight = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        weight = math.nan
    if not 0 <= weight <= _LARGEST_FLOAT32:
        raise RowError(Reason.BAD_WEIGHT, f"{where}expected a finite number from 0 up, got {quote(value)}")
    return weight


def _read_target(value: object, column: str) -> float | None:
    """A finite number; None where there is none. A decimal comma is refused: it could separate thousands."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        number = math.inf if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.inf
    if math.isnan(number):
        return None
    if abs(number) > _LARGEST_FLOAT32:
        raise RowError(Reason.BAD_TARGET, f"column {column!r}: expected a finite number, got {quote(value)}")
    return number
