"""Spans and versions: data that arrive day by day, in files or directories whose names count up.

`span-{SPAN}/v{VERSION}/*.csv` or `{YYYY}-{MM}-{DD}/part-*.jsonl`: of every chosen span, the newest version is read.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from components.core.errors import DataError
from components.core.filesystem import matching_paths

__all__ = ["SpanPath", "SpanRule", "find_spans", "known_bound"]

_PLACEHOLDER = re.compile(r"\{(SPAN|VERSION|YYYY|MM|DD)\}")
_UNKNOWN = re.compile(r"\{[A-Z]+\}")
_DIGITS = {"SPAN": "[0-9]+", "VERSION": "[0-9]+", "YYYY": "[0-9]{4}", "MM": "[0-9]{2}", "DD": "[0-9]{2}"}
_DATE = {"YYYY", "MM", "DD"}
_SHOWN = 10


@dataclass(frozen=True)
class SpanRule:
    """Which spans are read.

    Attributes:
        last: so many of the newest; None for all.
        first: the oldest that may be read, a number or a date (YYYY-MM-DD); None for no bound.
        final: the newest that may be read.
    """

    last: int | None = 1
    first: str | None = None
    final: str | None = None


@dataclass(frozen=True)
class SpanPath:
    """A path or glob pattern without placeholders.

    Attributes:
        pattern: it.
        span: number or date of the span; None if the pattern names none.
        version: number of the version, likewise.
    """

    pattern: str
    span: str | None = None
    version: str | None = None


def known_bound(bound: str) -> str:
    """Checks that a bound is a number from 0 up or a date.

    Raises:
        ValueError: it is neither.
    """
    if not (bound.isascii() and bound.isdigit()):
        try:
            date.fromisoformat(bound)
        except ValueError as err:
            raise ValueError(f"{bound!r} is neither a number nor a date (YYYY-MM-DD)") from err
    return bound


def find_spans(pattern: str, rule: SpanRule) -> tuple[SpanPath, ...]:
    """The chosen spans of a pattern, oldest first, each in its newest version; the pattern itself without placeholders.

    Raises:
        DataError: the placeholders make no sense together, or no such span is there; the message lists what is.
    """
    used = _placeholders(pattern)
    if not used:
        return (SpanPath(pattern),)
    head, rest = _cut_after_placeholders(pattern)
    matcher = re.compile(_expression(head))
    found: dict[tuple[str | None, str | None], list[str]] = {}
    for path in matching_paths(_PLACEHOLDER.sub("*", head)):
        match = matcher.fullmatch(path)
        if match and (key := _read_key(match.groupdict())) is not None:
            found.setdefault(key, []).append(path + rest)
    if not found:
        raise DataError(f"{pattern}: no file or directory matches it; {_whats_there(head)}")
    spans = sorted({span for span, _ in found}, key=_order)
    chosen = _choose(spans, rule, pattern)
    newest = {
        span: max((version for other, version in found if other == span), key=_order) for span in chosen
    }
    return tuple(
        SpanPath(path, span, newest[span]) for span in chosen for path in sorted(found[span, newest[span]])
    )


def _placeholders(pattern: str) -> set[str]:
    used = set(_PLACEHOLDER.findall(pattern))
    strange = [name for name in _UNKNOWN.findall(pattern) if not _PLACEHOLDER.fullmatch(name)]
    if strange:
        raise DataError(
            f"{pattern}: {strange[0]} is no placeholder; use {{SPAN}}, {{VERSION}}, or {{YYYY}}, {{MM}} and {{DD}}"
        )
    dates = used & _DATE
    if dates and dates != _DATE:
        raise DataError(f"{pattern}: a date needs all of {{YYYY}}, {{MM}} and {{DD}}")
    if dates and "SPAN" in used:
        raise DataError(f"{pattern}: give either {{SPAN}} or a date, not both")
    return used


def _cut_after_placeholders(pattern: str) -> tuple[str, str]:
    """The pattern up to the last path component with a placeholder, and the rest."""
    last = max(match.end() for match in _PLACEHOLDER.finditer(pattern))
    slash = pattern.find("/", last)
    return (pattern, "") if slash < 0 else (pattern[:slash], pattern[slash:].rstrip("/"))


def _expression(head: str) -> str:
    """A regular expression with a group for every placeholder; the same one twice must hold the same."""
    expression, seen = "", set()
    for piece in re.split(r"(\{[A-Z]+\}|\*\*?|\?)", head):
        name = piece.strip("{}")
        if piece in ("*", "**"):
            expression += "[^/]*" if piece == "*" else ".*"
        elif piece == "?":
            expression += "[^/]"
        elif piece.startswith("{") and name in _DIGITS:
            expression += f"(?P={name})" if name in seen else f"(?P<{name}>{_DIGITS[name]})"
            seen.add(name)
        else:
            expression += re.escape(piece)
    return expression


def _read_key(groups: dict[str, str]) -> tuple[str | None, str | None] | None:
    """Span and version; None if the digits are no date."""
    if "YYYY" not in groups:
        return groups.get("SPAN"), groups.get("VERSION")
    try:
        day = date(int(groups["YYYY"]), int(groups["MM"]), int(groups["DD"]))
    except ValueError:
        return None
    return day.isoformat(), groups.get("VERSION")


def _order(key: str | None) -> tuple[int, str]:
    return _rank(key), key or ""


def _rank(key: str | None) -> int:
    """The number, or the number of the day."""
    if key is None:
        return 0
    return int(key) if key.isdigit() else date.fromisoformat(key).toordinal()


def _choose(spans: Sequence[str | None], rule: SpanRule, pattern: str) -> list[str | None]:
    named = [span for span in spans if span is not None]
    for bound in (rule.first, rule.final):
        if bound is not None and named and bound.isdigit() != named[0].isdigit():
            kind = "numbers" if named[0].isdigit() else "dates (YYYY-MM-DD)"
            raise DataError(f"{pattern}: its spans are {kind}; `span` gives {bound!r}")
    chosen = [
        span
        for span in spans
        if (rule.first is None or _rank(span) >= _rank(rule.first))
        and (rule.final is None or _rank(span) <= _rank(rule.final))
    ]
    if not chosen:
        bounds = f"from {rule.first or 'the oldest'} to {rule.final or 'the newest'}"
        raise DataError(f"{pattern}: no span {bounds}; the spans are {_list(named)}")
    return chosen if rule.last is None else chosen[-rule.last :]


def _whats_there(head: str) -> str:
    directory = _PLACEHOLDER.split(head)[0].rpartition("/")[0]
    names = [path.rpartition("/")[2] for path in matching_paths(f"{directory or '.'}/*")]
    if not names:
        return f"there is nothing in {directory or 'this directory'}"
    return f"{directory or 'this directory'} holds {_list(names)}"


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
