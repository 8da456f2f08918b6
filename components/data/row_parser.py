"""From the values of a row to a labelled text, by the configured columns."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from components.core import features
from components.data.example_proto import FeatureValues
from components.data.labels import LabelReader
from components.data.rows import Reason, RowError, require_utf8

__all__ = ["ColumnNames", "LabelledText", "RowParser"]

_INVISIBLE = " \ufffd"


@dataclass(frozen=True)
class ColumnNames:
    """Which column holds what.

    Attributes:
        text: the text to be classified.
        labels: one column with all labels of the row; None if `label_columns` hold them.
        label_columns: one 0/1 column per label.
        id: the row's id, if any.
        group: what must stay in one split, if any.
        weight: weight of the example in the loss, if any.
        context: text before the utterance, if any.
        slices: values by which the evaluation is broken down.
    """

    text: str
    labels: str | None
    label_columns: tuple[str, ...] = ()
    id: str | None = None
    group: str | None = None
    weight: str | None = None
    context: str | None = None
    slices: tuple[str, ...] = ()

    @property
    def wanted(self) -> tuple[str, ...]:
        """Every column that is read."""
        single = (self.text, self.labels, self.id, self.group, self.weight, self.context)
        named = [name for name in single if name is not None]
        return tuple(dict.fromkeys([*named, *self.label_columns, *self.slices]))


@dataclass(frozen=True, slots=True)
class LabelledText:
    """One example; absent values are None.

    Attributes:
        id: unique name of the row.
        text: as in the source, with at least one visible character.
        labels: names in the order of the label list; may be empty.
        group: what must stay in one split.
        weight: from 0 up.
        context: text before the utterance.
        slices: value by slice column.
    """

    id: str
    text: str
    labels: tuple[str, ...]
    group: str | None
    weight: float | None
    context: str | None
    slices: Mapping[str, str]

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
        values.update({features.SLICE_PREFIX + column: [value] for column, value in self.slices.items()})
        return values


@dataclass(frozen=True)
class RowParser:
    """Turns rows into examples.

    Attributes:
        columns: which column holds what.
        labels: how labels are read.
    """

    columns: ColumnNames
    labels: LabelReader

    def parse(self, values: Mapping[str, object], *, default_id: str) -> LabelledText:
        """Reads one row.

        Args:
            values: by column name; a column that is absent counts as missing value.
            default_id: id of a row that has none of its own.

        Raises:
            RowError: the row cannot be an example.
        """
        columns = self.columns
        if columns.labels is not None:
            labels = self.labels.read(values.get(columns.labels))
        else:
            labels = self.labels.read_indicators({name: values.get(name) for name in columns.label_columns})
        slices = {column: _optional_text(values, column) for column in columns.slices}
        return LabelledText(
            id=_optional_text(values, columns.id) or default_id,
            text=_read_text(values.get(columns.text), columns.text),
            labels=labels,
            group=_optional_text(values, columns.group),
            weight=_read_weight(values.get(columns.weight)) if columns.weight else None,
            context=_optional_text(values, columns.context),
            slices={column: value for column, value in slices.items() if value is not None},
        )


def _read_text(value: object, column: str) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        raise RowError(Reason.EMPTY_TEXT)
    if not isinstance(value, str):
        raise RowError(Reason.WRONG_TYPE, f"column {column!r}: expected text, got {value!r:.40}")
    require_utf8(value, f"column {column!r}")
    if not any(character.isprintable() and character not in _INVISIBLE for character in value):
        raise RowError(Reason.EMPTY_TEXT)
    return value


def _optional_text(values: Mapping[str, object], column: str | None) -> str | None:
    """The value of a column as text; None if there is no such column or value."""
    value = values.get(column) if column is not None else None
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if not isinstance(value, str | int | float):
        raise RowError(Reason.WRONG_TYPE, f"column {column!r}: expected one value, got {value!r:.40}")
    text = str(value)
    require_utf8(text, f"column {column!r}")
    return text


def _read_weight(value: object) -> float | None:
    if value is None or value == "":
        return None
    try:
        weight = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        weight = math.nan
    if not (math.isfinite(weight) and weight >= 0):
        raise RowError(Reason.BAD_WEIGHT, f"expected a finite number from 0 up, got {value!r:.40}")
    return weight
