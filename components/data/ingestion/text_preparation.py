"""What happens to every text of a source before it is written anywhere: cleaning, then masking of personal data."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from components.core.filesystem import open_file
from components.data.ingestion.cleaning import Cleaning, TextCleaner
from components.data.pii.masker import PiiMasker
from components.data.pii.settings import Pii

__all__ = ["TextPreparation", "prepare_with"]

_PSEUDONYM_BYTES = 12
_WINDOW = 4
"""Characters that are masked for one of an excerpt: what is cut off at their end must not be seen."""
_REVEALER = TextCleaner(unicode=None, html_tags=False, whitespace=False)
_MAX_NESTING = 3
"""JSON texts inside JSON texts that are unescaped."""
_ESCAPE = re.compile(r"(?:\\u[0-9A-Fa-f]{4})+|\\[\"\\/bfnrt]")


@dataclass(frozen=True)
class TextPreparation:
    """Cleans and masks.

    Attributes:
        cleaner: repairs what the source did to a text.
        masker: puts placeholders in place of personal data.
        pseudonym_key: secret (up to 64 bytes) of the pseudonyms of ids and groups.
    """

    cleaner: TextCleaner
    masker: PiiMasker
    pseudonym_key: bytes = b""

    def prepare(self, text: str) -> tuple[str, dict[str, int]]:
        """A text, a context or the value of a slice as it may be written, and the number of masked places by kind."""
        return self.masker.mask(self.cleaner.clean(text))

    def pseudonym(self, value: str) -> tuple[str, dict[str, int]]:
        """An id or a group as it may be written: as it is, or a pseudonym if personal data stands in it.

        Placeholders would make different ids equal and throw groups together. A pseudonym is a keyed hash: equal values
        have equal ones, in every run with the same key, and nobody without the key can tell whose it is. A number of a
        row that happens to read as a telephone number gets one too: better that than a telephone number in clear.
        """
        _, counts = self.masker.mask(_reveal(value))
        if not counts:
            return value, counts
        digest = blake2b(
            value.encode(errors="surrogatepass"), key=self.pseudonym_key, digest_size=_PSEUDONYM_BYTES
        )
        return f"pseudonym-{digest.hexdigest()}", counts

    def mask(self, text: str) -> str:
        """The content of a dead letter as it may be written.

        That is the text as it stands in the source; but if it holds personal data, then with placeholders and with the
        characters that escapes of JSON and HTML entities stand for, behind which more of it could hide.
        """
        plain, counts = self.masker.mask(_reveal(text))
        return plain if counts else self.masker.mask(text)[0]

    def excerpt(self, text: str, *, characters: int) -> str:
        """The beginning of `mask(text)`, no longer than that, at a cost that does not depend on the text's length.

        Masking comes first and cutting afterwards, as half of a mail address is not known for one.
        """
        window = text[: _WINDOW * characters]
        masked = self.mask(window)
        return masked[:characters] if len(window) == len(text) else masked[:-characters][:characters]


def prepare_with(cleaning: Cleaning, pii: Pii) -> TextPreparation:
    """What these settings describe.

    Raises:
        UserError: the file with the key of pseudonyms cannot be read.
    """
    key = b""
    if pii.pseudonym_key is not None:
        with open_file(pii.pseudonym_key) as stream:
            key = blake2b(stream.read().strip()).digest()
    return TextPreparation(cleaning.cleaner(), pii.masker(), key)


def _reveal(text: str) -> str:
    """The text without what personal data can hide behind: escapes, entities, invisible characters."""
    for _ in range(_MAX_NESTING):
        if "\\" not in text:
            break
        text = _ESCAPE.sub(_unescape, text)
    return _REVEALER.clean(text)


_SHORT_ESCAPES: Mapping[str, str] = {"b": " ", "f": " ", "n": "\n", "r": "\r", "t": "\t"}


def _unescape(match: re.Match[str]) -> str:
    """The characters that escapes of JSON stand for; halves of a pair that lack the other half stay halves."""
    escape = match[0]
    if escape[1] != "u":
        return _SHORT_ESCAPES.get(escape[1], escape[1])
    units = b"".join(int(unit, 16).to_bytes(2, "big") for unit in escape[2:].split("\\u"))
    return units.decode("utf-16-be", errors="surrogatepass")
