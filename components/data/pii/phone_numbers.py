"""What libphonenumber knows of a number, as far as it is needed to find numbers in texts."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

__all__ = ["is_dialled", "is_international", "is_national", "regions", "usual_shapes"]

_DIGITS = re.compile(r"\d+")
_LONG = 10
"""Digits of a number in international form that is hardly anything else."""
_AREA_AND_REST = (3, 7)
"""How mobile numbers are written in a hurry, whatever the region's custom."""
_INDIA = 91
"""Its mobile numbers are written without the 0 that libphonenumber formats them with."""


def regions() -> frozenset[str]:
    """Every region (ISO 3166, two letters) whose numbers are known."""
    import phonenumbers

    return frozenset(phonenumbers.SUPPORTED_REGIONS)


@lru_cache(maxsize=8192)
def is_international(digits: str, *, marked: bool) -> bool:
    """Whether these are a country code and a number of that country.

    Args:
        digits: without anything between them.
        marked: whether a + stands before them; then a number that is not given out, such as those kept for films, needs
            no more than the right length.
    """
    import phonenumbers

    try:
        number = phonenumbers.parse("+" + digits)
    except phonenumbers.NumberParseException:
        return False
    if marked and len(digits) >= _LONG:
        return phonenumbers.is_possible_number(number)
    return phonenumbers.is_valid_number(number)


@lru_cache(maxsize=8192)
def is_national(digits: str, region: str) -> bool:
    """Whether these are a number of the region, with its area code."""
    import phonenumbers

    number = _parse(digits, region)
    return number is not None and phonenumbers.is_valid_number(number)


@lru_cache(maxsize=8192)
def is_dialled(digits: str, region: str, *, mobile: bool = False) -> bool:
    """Whether these are a number of the region with all that one dials there, the leading 0 of many countries included.

    Args:
        digits: without anything between them.
        region: ISO 3166, two letters.
        mobile: whether only numbers that may be of mobile telephones count.
    """
    import phonenumbers

    number = _parse(digits, region)
    if number is None or not phonenumbers.is_valid_number(number):
        return False
    kinds = phonenumbers.PhoneNumberType
    kind = phonenumbers.number_type(number)
    if mobile and kind not in (kinds.MOBILE, kinds.FIXED_LINE_OR_MOBILE):
        return False
    dialled = "".join(
        _DIGITS.findall(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL))
    )
    if number.country_code == _INDIA and kind == kinds.MOBILE:
        dialled = dialled.removeprefix("0")
    return digits == dialled or (number.country_code == 1 and digits == f"1{dialled}")


def _parse(digits: str, region: str) -> "PhoneNumber | None":
    import phonenumbers

    if len(digits) not in _lengths(region):
        return None
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return None
    return number if number.country_code == phonenumbers.country_code_for_region(region) else None


@lru_cache(maxsize=256)
def usual_shapes(regions: tuple[str, ...]) -> frozenset[tuple[int, ...]]:
    """Lengths of the groups in which numbers of these regions are written where no 0 is dialled before them."""
    return frozenset([_AREA_AND_REST, *(shape for region in regions for shape in _shapes(region))])


@lru_cache(maxsize=256)
def _lengths(region: str) -> frozenset[int]:
    """Numbers of digits that a number of the region may have, with and without country code and leading 0."""
    import phonenumbers

    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    description = metadata.general_desc if metadata is not None else None
    lengths = description.possible_length if description is not None else ()
    code = str(phonenumbers.country_code_for_region(region))
    return frozenset(length + extra for length in lengths for extra in (0, 1, len(code), len(code) + 1))


def _shapes(region: str) -> Iterator[tuple[int, ...]]:
    """The groups in which libphonenumber writes an example of each type of number of the region.

    Without those that begin with one digit, which look like any numbers in a row.
    """
    import phonenumbers

    style = phonenumbers.PhoneNumberFormat.INTERNATIONAL
    for kind in phonenumbers.supported_types_for_region(region):
        number = phonenumbers.example_number_for_type(region, kind)
        if number is None:
            continue
        code, *groups = _DIGITS.findall(phonenumbers.format_number(number, style))
        if len(groups) > 1 and len(groups[0]) > 1:
            yield tuple(map(len, groups))
            if code == "1":
                yield tuple(map(len, [code, *groups]))
