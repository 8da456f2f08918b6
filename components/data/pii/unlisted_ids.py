"""Check rules of national ids that python-stdnum does not have, or reads more strictly than masking should."""

import re
from collections.abc import Callable, Mapping

__all__ = ["UNLISTED"]

_NINO = re.compile(r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]")
_SSN = re.compile(r"(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}")
_CN_DATED = re.compile(r"[1-8]\d{5}(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dX]")
_HK_LETTERS = 36
"""What a missing first letter counts in an identity card of Hong Kong; A counts 10, Z 35."""
_TW_REGIONS = "ABCDEFGHJKLMNPQRSTUVXYWZIO"
_SG_SERIES = {
    "S": (0, "JZIHGFEDCBA"),
    "T": (4, "JZIHGFEDCBA"),
    "F": (0, "XWUTRQPNMLK"),
    "G": (4, "XWUTRQPNMLK"),
}
_SG_SINCE_2022 = "KLJNPQRTUWX"


def _is_nino(number: str) -> bool:
    """National Insurance number of the United Kingdom: letters that HMRC gives out; it has no check digit."""
    return _NINO.fullmatch(number) is not None


def _is_ssn(number: str) -> bool:
    """Social security number of the United States, those included that became known by a misprint; no check digit."""
    return _SSN.fullmatch(number) is not None


def _is_dated_cn_id(number: str) -> bool:
    """Identity card of China whose check digit may be mistyped: region and date of birth are possible."""
    return _CN_DATED.fullmatch(number) is not None


def _is_hk_id(number: str) -> bool:
    """Identity card of Hong Kong: weights 9 to 1, divisible by 11, A for 10."""
    values = [int(character, 36) for character in number]
    if len(values) == 8:
        values.insert(0, _HK_LETTERS)
    return sum(value * weight for value, weight in zip(values, range(9, 0, -1), strict=True)) % 11 == 0


def _is_tw_id(number: str) -> bool:
    """Identity card or residence certificate of Taiwan: the letter as two digits, weights 1, 9 to 1, 1, modulo 10."""
    tens, ones = divmod(_TW_REGIONS.index(number[0]) + 10, 10)
    total = tens + 9 * ones + int(number[9])
    return (
        total + sum(int(digit) * weight for digit, weight in zip(number[1:9], range(8, 0, -1), strict=True))
    ) % 10 == 0


def _is_sg_nric(number: str) -> bool:
    """NRIC or FIN of Singapore: weights 2 7 6 5 4 3 2, an offset by series, a letter for the rest modulo 11."""
    total = sum(int(digit) * weight for digit, weight in zip(number[1:8], (2, 7, 6, 5, 4, 3, 2), strict=True))
    if number[0] == "M":
        return _SG_SINCE_2022[10 - (total + 3) % 11] == number[8]
    offset, letters = _SG_SERIES[number[0]]
    return letters[(total + offset) % 11] == number[8]


def _is_jp_my_number(number: str) -> bool:
    """My Number of Japan: weights 6 5 4 3 2 7 6 5 4 3 2, 11 minus the rest modulo 11, 0 for more than 9."""
    weights = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
    rest = sum(int(digit) * weight for digit, weight in zip(number[:11], weights, strict=True)) % 11
    return int(number[11]) == (0 if rest <= 1 else 11 - rest)


UNLISTED: Mapping[str, Callable[[str], bool]] = {
    "cn.dated": _is_dated_cn_id,
    "gb.nino": _is_nino,
    "hk.id": _is_hk_id,
    "jp.my_number": _is_jp_my_number,
    "sg.nric": _is_sg_nric,
    "tw.id": _is_tw_id,
    "us.ssn": _is_ssn,
}
"""By country and name, like the modules of stdnum; each takes upper-case letters and digits in the id's shape."""
