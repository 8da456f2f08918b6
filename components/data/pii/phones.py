"""Telephone numbers: digits that libphonenumber takes for one, written as people write telephone numbers."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from components.data.pii.kinds import PiiKind, Span
from components.data.pii.phone_cues import NO_CUES, Cues, read_cues
from components.data.pii.phone_numbers import is_dialled, is_international, is_national, usual_shapes

__all__ = ["find_phones"]

_RUN = re.compile(
    r"(?<![0-9A-Za-z_@#$€£¥₹₩%^])(?<!^\.)(?<![^A-Za-z]\.)(?<![0-9A-Za-z]-)"
    r"[+(]{0,2}\d(?:[ ()\-./]{0,3}(?<![ /]\.)\d)*+"
)
"""Digits with what stands between groups of a telephone number; as long as it goes on, whatever it is."""
_GROUP = re.compile(r"\d+")
_UNIT = re.compile(
    r"[A-Za-z_]|-(?=[A-Za-z0-9]{0,20}\d)|[.:]\d| ?[%°€£¥₹]| ?(?:bn|mm|cm|km|kg|lbs?|mb|gb|kb|dollars|euros?|pounds|yen"
    r"|people|views|miles|years|元|人)(?![A-Za-z])",
    re.IGNORECASE,
)
"""What stands behind an amount."""
_EXTENSION = re.compile(r",? ?(?:x|ext\.?|extension|分机|durchwahl) ?\d{1,5}(?!\w)", re.IGNORECASE)
_OTHER = re.compile(
    r"(?<!\d)(?:\d{1,2}([./\-])\d{1,2}\1(?:19|20)\d\d|(?:19|20)\d\d([./\-])\d{1,2}\2\d{1,2})(?!\d)"
    r"|(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)"
)
"""Dates and IP addresses."""
_MOST_GROUPS = 8
_DIGITS = range(7, 18)
_LOCAL = (3, 4)
"""A number of North America without its area code."""
_LONG = 10
"""Digits of a national number that is hardly anything else."""
_SOCIAL_SECURITY = (3, 2, 4)
_POWERS_OF_TWO = frozenset({"2147483647", "2147483648"})
"""Integers that programs name, and numbers in Dallas."""


def find_phones(text: str, *, regions: tuple[str, ...]) -> Iterator[Span]:
    """Telephone numbers in international form, and national ones of these regions (ISO 3166, two letters)."""
    for run in _RUN.finditer(text):
        if run.end() - run.start() >= _DIGITS.start:
            yield from _find_in_run(text, run.start(), run.end(), regions)


def _find_in_run(text: str, start: int, end: int, regions: tuple[str, ...]) -> Iterator[Span]:
    """The telephone numbers in a run of digits; each begins and ends where the run does or where a space stands."""
    groups = [match.span() for match in _GROUP.finditer(text, start, end)]
    closed = [" " in text[left[1] : right[0]] for left, right in pairwise(groups)] + [True]
    cues = read_cues(text, start)
    first = 0
    while first < len(groups):
        for last in range(min(first + _MOST_GROUPS, len(groups)) - 1, first - 1, -1):
            if closed[last] and (span := _read(text, groups[first : last + 1], regions, cues)):
                yield span
                break
        else:
            last = first
        while not closed[last]:
            last += 1
        first = last + 1
        cues = NO_CUES


def _read(text: str, groups: Sequence[tuple[int, int]], regions: tuple[str, ...], cues: Cues) -> Span | None:
    """The telephone number that these groups of digits are, with its +, brackets and extension; None if none."""
    pieces = [text[start:end] for start, end in groups]
    if sum(map(len, pieces)) not in _DIGITS:
        return None
    start, end = groups[0][0], groups[-1][1]
    marks = _marks(text, start, end)
    if not (marks or cues.phone or cues.invitation or pieces[0].startswith("0")):
        shape = tuple(map(len, pieces))
        decimal = len(shape) == 2 and text[groups[0][1] : groups[1][0]] == "."
        if decimal or not (len(shape) == 1 or shape in usual_shapes(regions)):
            return None
    if _OTHER.search(text, start, end) or ("+" not in marks and _UNIT.match(text, end)):
        return None
    if not _is_phone(pieces, marks, regions, cues):
        return None
    extension = _EXTENSION.match(text, end)
    return Span(start - len(marks), extension.end() if extension else end, PiiKind.PHONE)


def _marks(text: str, start: int, end: int) -> str:
    """The + and the bracket before the digits from `start` to `end`; no bracket that is closed after them."""
    marks = text[max(0, start - 2) : start]
    marks = marks[len(marks.rstrip("+(")) :]
    return marks if ")" in text[start:end] else marks[marks.rfind("(") + 1 :]


def _is_phone(pieces: Sequence[str], marks: str, regions: tuple[str, ...], cues: Cues) -> bool:
    """Whether the groups of digits are a telephone number, by what stands before them and by how they are written."""
    digits = "".join(pieces)
    if "+" in marks:
        return is_international(digits, marked=True)
    if cues.other or digits in _POWERS_OF_TWO:
        return False
    if digits.startswith("00") and is_international(digits[2:], marked=False):
        return True
    if tuple(map(len, pieces)) == _LOCAL and (cues.phone or cues.invitation):
        return digits[0] in "23456789"
    if cues.phone:
        return any(is_national(digits, region) for region in regions)
    return _is_written_so(pieces, regions, dialled=digits.startswith("0") or "(" in marks)


def _is_written_so(pieces: Sequence[str], regions: tuple[str, ...], *, dialled: bool) -> bool:
    """Whether the digits are a number of a region, and written as its numbers are.

    Args:
        pieces: the groups of digits.
        regions: as whose numbers they are read.
        dialled: whether they begin with 0 or a bracket, as what one dials does in many countries.
    """
    digits = "".join(pieces)
    shape = tuple(map(len, pieces))
    if len(shape) == 1:
        mobile = not dialled
        return len(digits) >= _LONG and any(is_dialled(digits, region, mobile=mobile) for region in regions)
    if shape == _SOCIAL_SECURITY:
        return False
    if dialled:
        long_enough = len(digits) >= _LONG - 1 and min(shape) > 1
        return long_enough and any(is_dialled(digits, region) for region in regions)
    if len(shape) == 2 and shape[0] == shape[1] and pieces[0] < pieces[1]:
        return False  # a range: 11750-11800
    return any(shape in usual_shapes((region,)) and is_national(digits, region) for region in regions)
