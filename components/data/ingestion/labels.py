"""From what a label column holds to label names in their final order."""

import ast
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

from components.core.errors import DataError
from components.core.filesystem import open_file
from components.data.sources.rows import Reason, RowError, quote, require_utf8

__all__ = ["LabelReader", "read_label_names", "read_list"]

_MAX_INFERRED_LABELS = 1000
_MOST_VOTES = 1 << 53
"""Up to here floats hold every whole number, and the sum of a thousand such fits into int64."""
_TRUE = ("1", "1.0", "true")
_FALSE = ("0", "0.0", "false", "", "none", "nan")
_ARRAY_ITEM = r"""'[^']*'|"[^"]*"|\d+\.?"""
_ARRAY = re.compile(rf"\[\s*(?:(?:{_ARRAY_ITEM})(?:\s+|(?=\])))*\]")
"""What NumPy prints: `[ 3 27]`, `['joy' 'love']`."""


def read_label_names(uri: str) -> tuple[str, ...]:
    """Reads label names from a UTF-8 text file: one a line, in the order of their ids.

    Raises:
        DataError: the file is empty, is not UTF-8, or names a label twice.
        UserError: there is no such file, or it may not be read.
    """
    try:
        with open_file(uri) as stream:
            lines = stream.read().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as err:
        raise DataError(f"{uri}: is not UTF-8; convert it, for instance with `iconv -t UTF-8`") from err
    names = [line.strip() for line in lines if line.strip()]
    if not names:
        raise DataError(f"{uri}: is empty; expected one label name a line")
    for row, name in enumerate(names, start=1):
        if name in names[: row - 1]:
            raise DataError(f"{uri}: row {row}: label {name!r} is named twice; remove one")
    return tuple(names)


def read_list(text: str) -> Sequence[object] | None:
    """The items of a list written as text, in JSON or as Python or NumPy print it; None if it is no list.

    Raises:
        RowError: it stands in brackets, and is none of these.
    """
    text = text.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return None
    try:
        return list(json.loads(text))
    except (ValueError, RecursionError):
        pass
    # Python would read 'joy' 'love' as one text.
    if _ARRAY.fullmatch(text):
        items = re.findall(_ARRAY_ITEM, text)
        return [item.rstrip(".") if item[0].isdigit() else item[1:-1] for item in items]
    try:
        return list(ast.literal_eval(text))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as err:
        detail = f"{quote(text)} is no list; set `separator: null` if it is one label"
        raise RowError(Reason.UNKNOWN_LABEL, detail) from err


@dataclass(frozen=True)
class LabelReader:
    """Reads the labels of a row.

    Attributes:
        source_names: the labels that the data may hold, in the order of their ids; None to take whatever comes.
        mapping: from a source label to the label that it becomes; labels that are not in it stay.
        separator: what stands between labels in one text; None if a text is one label.
        coded: whether the data name their classes themselves, so that whole numbers are ids even where names
            are numbers, too.
    """

    source_names: tuple[str, ...] | None
    mapping: Mapping[str, str]
    separator: str | None
    coded: bool = False

    @cached_property
    def final_names(self) -> tuple[str, ...] | None:
        """The labels after mapping: those of the mapping in its order, then the others; None if not known yet."""
        if self.source_names is None:
            return None
        targets = {self.mapping.get(name, name) for name in self.source_names}
        ordered = [*self.mapping.values(), *self.source_names]
        return tuple(name for name in dict.fromkeys(ordered) if name in targets)

    @property
    def unknown_in_mapping(self) -> tuple[str, ...]:
        """Labels that are mapped though the data may not hold them: often a typing error."""
        return tuple(
            name for name in self.mapping if self.source_names is not None and name not in self._known
        )

    def read(self, value: object) -> tuple[str, ...]:
        """Labels of a row, mapped, without repetition, in the order of the label list.

        Args:
            value: a name, an id, names or ids in one text between separators, a list of names or ids (or what
                a program printed of one, as in `['joy', 'love']`), or None.

        Raises:
            RowError: a label is not in the list, or the value is of another type.
        """
        return self._finish(self._name(item) for item in self._items(value))

    def read_indicators(self, values: Mapping[str, object]) -> tuple[str, ...]:
        """Labels of a row that has one 0/1 column per label; a missing value counts as 0.

        Raises:
            RowError: a value is neither 0 nor 1.
        """
        found: list[str] = []
        for name, value in values.items():
            told = str(value).strip().lower()
            if told in _TRUE:
                found.append(name)
            elif told not in _FALSE:
                raise RowError(Reason.WRONG_TYPE, f"column {name!r}: expected 0 or 1, got {quote(value)}")
        return self._finish(found)

    def read_votes(self, value: object) -> dict[str, int]:
        """How many raters gave each label, mapped, in the order of the label list; labels without votes are left out.

        Args:
            value: counts by label (a mapping or its JSON text), or one label per vote as for `read`, or None.

        Raises:
            RowError: a label is not in the list, or a count is no whole number from 0 up.
        """
        if isinstance(value, str) and value.lstrip().startswith("{"):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError) as err:
                raise RowError(Reason.WRONG_TYPE, f"expected votes as JSON, got {quote(value)}") from err
        votes: Counter[str] = Counter()
        counts: Mapping[object, object] = (
            value if isinstance(value, Mapping) else Counter(map(self._name, self._items(value)))
        )
        for item, count in counts.items():
            name = self._name(item)
            votes[self.mapping.get(name, name)] += _whole_number(count, item)
        return {name: votes[name] for name in sorted(votes, key=self._order) if votes[name]}

    def list_names(
        self, seen: Iterable[str], where: str, *, setting: str = "columns.labels"
    ) -> tuple[str, ...]:
        """The label list of the data set: the configured one, else what was seen, sorted.

        Args:
            seen: the labels of all examples.
            where: what error messages call the data.
            setting: what names the column.

        Raises:
            DataError: no example has a label, or there are so many that the column can hold no labels.
        """
        if self.final_names is not None:
            return self.final_names
        names = tuple(sorted(set(seen), key=self._order))
        if not names:
            raise DataError(f"{where}: no row has a label; check `{setting}`")
        if len(names) > _MAX_INFERRED_LABELS:
            raise DataError(
                f"{where}: {len(names):,} different labels; check `{setting}` and `separator`, "
                "or give `label_names`"
            )
        return names

    def in_order(self, names: Iterable[str]) -> tuple[str, ...]:
        """Mapped names in the order of the label list, each once."""
        return tuple(sorted(set(names), key=self._order))

    def _finish(self, names: Iterable[str]) -> tuple[str, ...]:
        return self.in_order(self.mapping.get(name, name) for name in names)

    def _items(self, value: object) -> Sequence[object]:
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return ()
        if isinstance(value, list | tuple):
            return value
        if not isinstance(value, str):
            return (value,)
        told = value.strip()
        if self.separator is None:
            return [told] if told else ()
        is_label = told in self._known or told in self.mapping
        if not is_label and (items := read_list(told)) is not None:
            return items
        return [part for text in value.split(self.separator) if (part := text.strip())]

    def _name(self, item: object) -> str:
        """The source label that one item names."""
        if isinstance(item, float) and item.is_integer():
            item = int(item)
        if isinstance(item, bool) or not isinstance(item, str | int):
            raise RowError(Reason.WRONG_TYPE, f"expected label names or ids, got {quote(item)}")
        told = str(item).strip()
        require_utf8(told, "a label")
        if self.source_names is None:
            if not told.isprintable():
                raise RowError(Reason.UNKNOWN_LABEL, f"{quote(told)} holds control characters")
            return told
        if told in self._known and not (self.coded and isinstance(item, int)):
            return told
        if _is_number(told) and int(told) < len(self.source_names):
            return self.source_names[int(told)]
        near = get_close_matches(told, self.source_names, n=1)
        advice = (
            f"did you mean {near[0]!r}?"
            if near
            else f"expected one of {len(self.source_names)} label names or ids"
        )
        raise RowError(Reason.UNKNOWN_LABEL, f"{quote(told)} ({advice})")

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.source_names or ())

    @cached_property
    def _ranks(self) -> Mapping[str, int]:
        names = self.final_names or tuple(dict.fromkeys(self.mapping.values()))
        return {name: rank for rank, name in enumerate(names)}

    def _order(self, name: str) -> tuple[int, int, str]:
        """Known labels in their order, then numbers by value, then names: the same for one row as for all."""
        rank = self._ranks.get(name)
        if rank is not None:
            return (0, rank, "")
        return (1, int(name), name) if _is_number(name) else (2, 0, name)


def _whole_number(count: object, item: object) -> int:
    """A number of votes; none is 0."""
    if count is None:
        return 0
    if (
        isinstance(count, int | float)
        and not isinstance(count, bool)
        and 0 <= count <= _MOST_VOTES
        and float(count).is_integer()
    ):
        return int(count)
    raise RowError(Reason.WRONG_TYPE, f"expected a number of votes for {quote(item)}, got {quote(count)}")


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit() and len(name) < 19
