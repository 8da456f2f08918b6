"""Replaces personal data in texts by placeholders."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, partial

from components.data.pii.internet import (
    find_emails,
    find_ip_addresses,
    find_urls,
    find_users,
    has_disguised_at,
)
from components.data.pii.kinds import PiiKind, Span
from components.data.pii.national_ids import find_national_ids
from components.data.pii.numbers import find_cards, find_ibans
from components.data.pii.person_names import find_names
from components.data.pii.phones import find_phones
from components.data.pii.spans import replace_spans, resolve_overlaps

__all__ = ["PiiMasker"]

_MAX_ROUNDS = 5
"""A placeholder can uncover what stood beside it; no honest text takes more rounds than this."""

_ASCII_DIGIT = re.compile(r"[0-9]")
_DIGIT = re.compile(r"[\d＠微薇]")
"""Outside ASCII: a digit of any script, the full-width @, and what the word for WeChat begins with."""
_LONG_NUMBER = re.compile(r"\d(?:\D{0,2}\d){5}|[A-Za-z]{5}\d{4}[A-Za-z]")
_DOMAIN_DOT = re.compile(r"\.\w")

Finder = Callable[[str], Iterable[Span]]


@dataclass(frozen=True)
class PiiMasker:
    """Masks personal data of these kinds; masking a masked text changes nothing.

    Attributes:
        kinds: what is masked.
        regions: countries (ISO 3166, two letters) as whose national telephone numbers digits are read; numbers
            in international form (+44 …) are found whatever their country.
        countries: countries whose national ids are looked for.
        names_pipeline: spaCy pipeline that finds names of persons: an installed package or a directory; needed
            only for `PiiKind.NAME`.
    """

    kinds: tuple[PiiKind, ...]
    regions: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    names_pipeline: str | None = None

    @property
    def placeholders(self) -> tuple[str, ...]:
        """What stands in masked texts, in the order of `PiiKind`."""
        return tuple(self._placeholders.values())

    def mask(self, text: str) -> tuple[str, dict[str, int]]:
        """The text with placeholders, and how many of each kind it has now that it did not have."""
        if not (self._finds_names or _may_hold_pii(text)):
            return text, {}
        counts: Counter[str] = Counter()
        for _ in range(_MAX_ROUNDS):
            spans = self.find(text)
            if not spans:
                break
            counts.update(span.kind.value for span in spans)
            text = replace_spans(text, spans, self._placeholders)
        return text, dict(counts)

    @cached_property
    def _placeholders(self) -> Mapping[PiiKind, str]:
        return {kind: kind.placeholder for kind in PiiKind if kind in self.kinds}

    @cached_property
    def _finds_names(self) -> bool:
        return PiiKind.NAME in self.kinds and self.names_pipeline is not None

    @cached_property
    def _finders(self) -> tuple[Finder, ...]:
        """Finds what hides in texts of any length and content."""
        return self._select(
            {
                PiiKind.EMAIL: find_emails,
                PiiKind.URL: find_urls,
                PiiKind.USER: find_users,
                PiiKind.IP: find_ip_addresses,
            }
        )

    @cached_property
    def _number_finders(self) -> tuple[Finder, ...]:
        """Finds what takes at least `_LONG_NUMBER`."""
        return self._select(
            {
                PiiKind.IBAN: find_ibans,
                PiiKind.CARD: find_cards,
                PiiKind.PHONE: partial(find_phones, regions=self.regions),
                PiiKind.NATIONAL_ID: partial(find_national_ids, countries=self.countries),
            }
        )

    def _select(self, finders: Mapping[PiiKind, Finder]) -> tuple[Finder, ...]:
        return tuple(find for kind, find in finders.items() if kind in self.kinds)

    def find(self, text: str) -> list[Span]:
        """Where personal data stands: disjoint, in order of the text."""
        view = text if text.isascii() else text.translate(_ascii_view())
        spans = [span for find in self._finders for span in find(view)]
        if self.names_pipeline is not None and self._finds_names:
            spans += find_names(text, pipeline=self.names_pipeline)
        if _LONG_NUMBER.search(view):
            spans += [span for find in self._number_finders for span in find(view)]
        return resolve_overlaps(spans)


def _may_hold_pii(text: str) -> bool:
    """Whether a text has anything that personal data other than names cannot do without."""
    return (
        "@" in text
        or "/" in text
        or (_ASCII_DIGIT if text.isascii() else _DIGIT).search(text) is not None
        or _DOMAIN_DOT.search(text) is not None
        or has_disguised_at(text)
    )


@cache
def _ascii_view() -> Mapping[int, str]:
    """Digits of all scripts, full-width characters, dashes and spaces, as ASCII.

    One character each, so that what is found stands at the same place in the text itself.
    """
    characters = range(0x80, 0x20000)
    return {
        **{code: str(unicodedata.digit(chr(code))) for code in characters if chr(code).isdecimal()},
        **{code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
        **dict.fromkeys([0x2010, 0x2011, 0x2012, 0x2013, 0x2212], "-"),
        **dict.fromkeys([0xA0, 0x2007, 0x202F, 0x3000], " "),
    }
