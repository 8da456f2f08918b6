"""The kinds of personal data that are masked, and what stands in their place."""

from enum import StrEnum
from typing import NamedTuple

__all__ = ["PLACEHOLDER", "PiiKind", "Span"]

PLACEHOLDER = r"\[[A-Z]{2,12}\]"
"""Pattern of placeholders: those of `PiiKind`, and those that a data set brings along ([NAME], [RELIGION])."""


class PiiKind(StrEnum):
    """A kind of personal data; of two that fit the same characters, the one named first is taken."""

    EMAIL = "EMAIL"
    URL = "URL"
    USER = "USER"
    IBAN = "IBAN"
    PHONE = "PHONE"
    NATIONAL_ID = "NATIONAL_ID"
    CARD = "CARD"
    IP = "IP"
    NAME = "NAME"

    @property
    def placeholder(self) -> str:
        """What stands in the text in place of the data: one token, once it is a special token of the tokenizer."""
        return "[ID]" if self is PiiKind.NATIONAL_ID else f"[{self}]"


class Span(NamedTuple):
    """Where personal data stands: the characters `start` up to `end` of a text."""

    start: int
    end: int
    kind: PiiKind
