"""Texts of models, data and servers, fit for a terminal: none moves its cursor or reaches its clipboard."""

import re

from rich import markup

__all__ = ["escape", "printable"]

_NOT_PRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters but tab and line feed, and what UTF-8 cannot write. Joiners stay: emoji need them."""


def printable(text: str) -> str:
    """The text with U+FFFD in place of each character that a terminal would obey and not show."""
    return _NOT_PRINTABLE.sub("�", text)


def escape(text: str) -> str:
    """The text as it is to stand in rich's markup."""
    return markup.escape(printable(text))
