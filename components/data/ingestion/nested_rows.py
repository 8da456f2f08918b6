"""Records that hold several rows: the turns of a dialogue, the entities of a headline."""

import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from components.data.sources.rows import Reason, Row, RowError, quote

__all__ = ["NestedRows"]

_KEY, _VALUE = "key", "value"


@dataclass(frozen=True)
class NestedRows:
    """Takes records apart.

    Attributes:
        column: a list whose items are the rows, or an object whose entries are.
        text: the rows' text column, of which contexts are made.
        context_rows: how many texts before a row are its context.
        speaker: column of who said a text; None to leave that out.
    """

    column: str
    text: str
    context_rows: int = 0
    speaker: str | None = None

    @property
    def context_column(self) -> str:
        """Column that rows get with what was said before; no item can have one of this name."""
        return f"{self.column}[context]"

    @property
    def record_column(self) -> str:
        """Column that rows get with the name of their record."""
        return f"{self.column}[record]"

    def source_columns(self, wanted: tuple[str, ...]) -> tuple[str, ...]:
        """The columns of the records that the wanted columns of the rows come from."""
        outer = [name for name in wanted if not name.startswith((f"{self.column}.", f"{self.column}["))]
        return tuple(dict.fromkeys([*outer, self.column]))

    def columns_of_items(self, wanted: tuple[str, ...]) -> tuple[str, ...]:
        """The wanted columns, but for those that are made here."""
        return tuple(name for name in wanted if not name.startswith(f"{self.column}["))

    def expand(self, record: Row, name: str) -> Iterator[Row]:
        """Yields the rows of a record, in order.

        Args:
            record: as it stands in the file.
            name: what tells it from all others.

        Raises:
            RowError: the column holds neither a list nor an object.
        """
        items = self._items(record.values.get(self.column))
        outer = {key: value for key, value in record.values.items() if key != self.column}
        before: deque[str] = deque(maxlen=self.context_rows)
        for position, item in enumerate(items, start=1):
            values = {**outer, **self._columns(item), self.record_column: name}
            if self.context_rows:
                values[self.context_column] = " ".join(before)
                if said := self._said(values):
                    before.append(said)
            yield Row(record.number, values, position)

    def _items(self, value: object) -> list[Mapping[str, object]]:
        if isinstance(value, str) and value.lstrip().startswith(("[", "{")):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError) as err:
                raise RowError(Reason.WRONG_TYPE, f"column {self.column!r}: broken JSON ({err})") from err
        if isinstance(value, Mapping):
            # Parquet and Arrow give every object all keys that any has.
            return [_entry(key, inner) for key, inner in value.items() if inner is not None]
        if isinstance(value, list | tuple):
            return [_item(inner) for inner in value]
        raise RowError(
            Reason.WRONG_TYPE, f"column {self.column!r}: expected a list or an object, got {quote(value)}"
        )

    def _columns(self, item: Mapping[str, object]) -> dict[str, object]:
        return {f"{self.column}.{key}": value for key, value in item.items()}

    def _said(self, values: Mapping[str, object]) -> str:
        """A row's text as the contexts after it quote it; empty if it has none."""
        text = values.get(self.text)
        if not isinstance(text, str) or not text.strip():
            return ""
        speaker = values.get(self.speaker) if self.speaker is not None else None
        return text.strip() if speaker in (None, "") else f"{speaker}: {text.strip()}"


def _item(value: object) -> Mapping[str, object]:
    """An item of a list; a pair is an entry, as Arrow's maps have them."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, tuple) and len(value) == 2:
        return _entry(*value)
    return {_VALUE: value}


def _entry(key: object, value: object) -> Mapping[str, object]:
    return {**(value if isinstance(value, Mapping) else {_VALUE: value}), _KEY: key}
