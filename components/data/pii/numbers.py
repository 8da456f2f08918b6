"""Numbers of accounts: payment cards and IBANs, told from other numbers by their check digits."""

import re
from collections.abc import Iterator

from components.data.pii.kinds import PiiKind, Span

__all__ = ["find_cards", "find_ibans"]

_CARD = re.compile(
    r"(?<![0-9A-Za-z])(?<![0-9]\.)"
    r"(?=(\d{13,19}|\d{4}([ \-])\d{4}\2\d{4}\2\d{4}(?:\2\d{1,3})?|\d{4}([ \-])\d{6}\3\d{4,5})(?![0-9A-Za-z]))"
)
"""Looks ahead without consuming, as a year may stand before the number (`2019 4111 1111 …`)."""
_BRANDS = re.compile(
    r"4\d{12}(?:\d{3}){0,2}"  # Visa
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-5]|[689]\d)\d{11}"  # Diners Club
    r"|6(?:011|4[4-9]\d|5\d\d)\d{12}"  # Discover
    r"|35(?:2[89]|[3-8]\d)\d{12}"  # JCB
    r"|62\d{14,17}"  # UnionPay
    r"|(?:5[06789]|6[37])\d{11,17}"  # Maestro
    r"|220[0-4]\d{12,15}"  # Mir
)
_CARD_CUE = re.compile(
    r"(?:(?<![A-Za-z])(?:credit|debit|visa|mastercard|amex|american express|maestro|card|karte|kreditkarte|tarjeta"
    r"|carte|carta|cartão)(?![A-Za-z])|信用卡|银行卡|卡号|カード|카드)[^\d\n]*$",
    re.IGNORECASE,
)
_CUE_CHARACTERS = 24
_SEPARATORS = re.compile(r"[ \-]")

_IBAN = re.compile(r"(?<![0-9A-Za-z])(?=([A-Za-z]{2}\d{2}(?:[ \-]?[0-9A-Za-z]){11,30}))")
_IBAN_END = re.compile(r"[0-9A-Za-z](?![0-9A-Za-z])")


def find_cards(text: str) -> Iterator[Span]:
    """Card numbers, in one piece or in the groups that are printed on cards; after a word for it a mistyped one."""
    from stdnum import luhn

    end = 0
    for match in _CARD.finditer(text):
        digits = _SEPARATORS.sub("", match[1])
        if match.start() < end or not _BRANDS.fullmatch(digits):
            continue
        if luhn.is_valid(digits) or _CARD_CUE.search(
            text[max(0, match.start() - _CUE_CHARACTERS) : match.start()]
        ):
            end = match.end(1)
            yield Span(match.start(), end, PiiKind.CARD)


def find_ibans(text: str) -> Iterator[Span]:
    """IBANs, in one piece or in groups; words that follow are left out, as each country's IBANs have one length."""
    from stdnum import iban

    for match in _IBAN.finditer(text):
        ends = [end.end() for end in _IBAN_END.finditer(text, match.start() + 14, match.end(1) + 1)]
        for end in reversed(ends):
            if end <= match.end(1) and iban.is_valid(text[match.start() : end], check_country=False):
                yield Span(match.start(), end, PiiKind.IBAN)
                break
