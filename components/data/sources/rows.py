"""A row of a source file before it is an example, and why a row may be none."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from components.core.errors import DataError

__all__ = ["BrokenRow", "Reason", "Row", "RowError", "quote", "require_columns", "require_utf8"]


class Reason(StrEnum):
    """Why a row is a dead letter."""

    EMPTY_TEXT = "empty text"
    UNKNOWN_LABEL = "unknown label"
    COLUMN_COUNT = "wrong column count"
    NOT_UTF8 = "not UTF-8"
    BAD_WEIGHT = "bad weight"
    BAD_TARGET = "bad target"
    BROKEN_JSON = "broken JSON"
    BROKEN_QUOTING = "broken quoting"
    WRONG_TYPE = "wrong type"
    TOO_LONG = "field too long"

    @property
    def remedy(self) -> str:
        """What a person does about many such rows."""
        return _REMEDIES[self]


_REMEDIES = {
    Reason.EMPTY_TEXT: "check `columns.text`, or remove these rows",
    Reason.UNKNOWN_LABEL: "correct the rows, or `label_names`, `label_mapping` and `separator`",
    Reason.COLUMN_COUNT: "check `delimiter` and `quoting`",
    Reason.NOT_UTF8: "convert the file, for instance with `iconv -f WINDOWS-1252 -t UTF-8`",
    Reason.BAD_WEIGHT: "weights are finite numbers from 0 up; check `columns.weight`",
    Reason.BAD_TARGET: "targets are finite numbers, or empty where unknown; check `columns.targets`",
    Reason.BROKEN_JSON: "every line must be one JSON object",
    Reason.BROKEN_QUOTING: "double the quotes inside quoted fields, or set `quoting: false`",
    Reason.WRONG_TYPE: "check `columns`",
    Reason.TOO_LONG: "shorten the fields, or check `delimiter` and `quoting`",
}


@dataclass(frozen=True, slots=True)
class Row:
    """The values of one row by column name.

    Attributes:
        number: where it starts: the line number in a text file, else the record number; from 1.
        values: text for CSV and TSV, else whatever the format holds.
        item: which of the rows in one record it is, from 1; 0 if the record is one row.
        lines: how many lines of a CSV or TSV file it spans, by a quote that holds line ends.
    """

    number: int
    values: Mapping[str, object]
    item: int = 0
    lines: int = 1

    @property
    def place(self) -> str:
        """Where it stands in its file: `7`, or `7.2` if a record holds several rows."""
        return f"{self.number}.{self.item}" if self.item else f"{self.number}"


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A row that could not be taken apart.

    Attributes:
        number: as in `Row`.
        reason: why.
        detail: what was expected and what came; empty if the reason says it all.
        content: the row as it stands in the file.
    """

    number: int
    reason: Reason
    detail: str
    content: str


class RowError(Exception):
    """A row's values cannot become an example; never leaves the data stages."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def quote(value: object) -> str:
    """A value as the detail of a dead letter names it; masked and then cut shorter where it is written down."""
    return f"{value!r:.1000}"


def require_columns(
    where: str, wanted: Iterable[str], available: Sequence[str], *, remedy: str = "", hint: str = ""
) -> None:
    """Checks that a file has the columns that the configuration names.

    Args:
        where: what the error message calls the file.
        wanted: names of the configured columns.
        available: names that the file has.
        remedy: what to do, if it is known better than by the nearest name.
        hint: what else may be wrong in the format, for the end of the message.

    Raises:
        DataError: one is missing or ambiguous; the message lists what there is and the nearest name.
    """
    for name in wanted:
        if available.count(name) > 1:
            raise DataError(f"{where}: column {name!r} is there twice; rename one of them")
        if name in available:
            continue
        near = get_close_matches(name, available, n=1, cutoff=0.5)
        shown = ", ".join(repr(column[:40]) for column in available[:20]) + (
            ", …" if len(available) > 20 else ""
        )
        advice = remedy or (f"did you mean {near[0]!r}?" if near else "set `columns` to match")
        raise DataError(f"{where}: no column {name!r}; the columns are {shown}; {advice}{hint}")


def require_utf8(text: str, what: str) -> None:
    """Checks that a text holds no lone surrogates: neither bytes that were no UTF-8 nor halves of JSON escapes.

    Raises:
        RowError: it does; `what` is what the dead letter calls the text.
    """
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as err:
        raise RowError(Reason.NOT_UTF8, what) from err
