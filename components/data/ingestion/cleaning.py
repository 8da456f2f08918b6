"""Repairs what a data source did to its texts: escaped HTML, tags, decomposed letters, control characters, white space.

This happens once, when source files are read, and is no part of the model; what every text goes through at serving
too is the canonical cleaning, `tflite.text`.
"""

import html
import re
import unicodedata
from dataclasses import dataclass
from html.entities import html5
from typing import Literal

from components.core.config import Config

__all__ = ["Cleaning", "TextCleaner"]

_MAX_PASSES = 4
"""Repairs can uncover further ones (`&am&#8203;p;`); no honest text takes more rounds than this."""

_ENTITY = re.compile(
    r"&(?:(?:amp|#38|#[xX]26);)*(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
)
_TAG = re.compile(
    r"</?(?:a|abbr|address|article|b|big|blockquote|body|br|center|cite|code|dd|del|div|dl|dt|em|figure|font|footer"
    r"|h[1-6]|head|header|hr|html|i|img|ins|label|li|main|mark|nav|ol|p|pre|q|s|section|small|span|strike|strong|sub"
    r"|sup|table|tbody|td|tfoot|th|thead|tr|tt|u|ul|video|wbr)(?:\s[^<>]*)?/?>|<!--[^<>]*-->",
    re.IGNORECASE,
)
_CONTROL = re.compile(
    "[\0-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
"""Control characters that are no white space, and format characters that show nothing. Joiners (U+200C, U+200D) and
emoji tags stay: they tell words and emoji apart."""


class Cleaning(Config):
    """What is repaired in the texts of the source, before personal data is masked and anything is written."""

    unicode: Literal["NFC", "NFKC"] | None = "NFC"
    """Unicode normalization form. NFC, the default, only makes one of the two ways to write `é`; NFKC also turns `ﬁ`,
    `①` and full-width letters into plain ones, and loses what they may mean; null leaves texts as they are."""

    html_entities: bool = True
    """Whether `&amp;`, `&#39;` and their like become characters, however often they were escaped. Only entities that
    HTML knows, with their semicolon, so that `AT&T` and `a & b` stay."""

    html_tags: bool = True
    """Whether tags of HTML elements (`<br />`, `<b>`) and comments become a space; `<3` and `<sigh>` stay."""

    control_characters: bool = True
    """Whether control characters and invisible marks (soft hyphen, zero-width space, direction marks) are dropped:
    they split words, and hide personal data from masking."""

    whitespace: bool = True
    """Whether each run of white space, line ends and no-break spaces included, becomes one space, and none stands at
    the ends."""

    def cleaner(self) -> "TextCleaner":
        """The function that these settings describe."""
        return TextCleaner(**self.model_dump())


@dataclass(frozen=True, kw_only=True, slots=True)
class TextCleaner:
    """Cleans texts as `Cleaning` says, which documents the fields; cleaning a clean text changes nothing."""

    unicode: Literal["NFC", "NFKC"] | None = "NFC"
    html_entities: bool = True
    html_tags: bool = True
    control_characters: bool = True
    whitespace: bool = True

    def clean(self, text: str) -> str:
        """The repaired text; empty if it holds nothing but white space and control characters."""
        if _is_plain(text):
            return text
        for _ in range(_MAX_PASSES):
            unescaped = not ("&" in text or "<" in text)
            before, text = text, self._repair(text)
            if unescaped or text == before:
                break
        else:
            text = self._repair(text.replace("&", " ").replace("<", " "))
        return " ".join(text.split()) if self.whitespace else text

    def _repair(self, text: str) -> str:
        """One round of all repairs but white space."""
        if self.control_characters:
            text = _CONTROL.sub("", text)
        if self.unicode is not None and not text.isascii():
            text = unicodedata.normalize(self.unicode, text)
        if self.html_entities and "&" in text:
            text = _ENTITY.sub(_decode_entity, text)
        if self.html_tags and "<" in text:
            text = _TAG.sub(" ", text)
        return text


def _is_plain(text: str) -> bool:
    """Whether a text needs no look at all: printable ASCII without markup and without spaces to mend."""
    return (
        text.isascii()
        and text.isprintable()
        and not ("&" in text or "<" in text or "  " in text)
        and text[:1] != " "
        and text[-1:] != " "
    )


def _decode_entity(match: re.Match[str]) -> str:
    entity = match[0]
    entity = "&" + entity[entity.rindex(";", 0, -1) + 1 if ";" in entity[:-1] else 1 :]
    return html.unescape(entity) if entity[1] == "#" or entity[1:] in html5 else match[0]
