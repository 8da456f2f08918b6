"""Which encoding a text file is in, told from a sample of its bytes."""

import codecs
import re
from dataclasses import dataclass

from components.core.errors import DataError

__all__ = ["SAMPLE_BYTES", "TextEncoding", "detect_encoding", "known_encoding", "refuse_signature"]

SAMPLE_BYTES = 1 << 16
"""How much of a file's beginning is looked at, and how much of its later parts in all."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UTF8 = ("utf-8", "utf-8-sig")
_NO_FILE_ENCODINGS = {"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"}
"""Codecs of Python's that turn text into bytes, but in which nobody keeps files."""
_UNMARKED = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
_SIGNATURES = (
    (b"\x1f\x8b", "is gzipped; give it a name that ends in .gz"),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd; give it a name that ends in .zst"),
    (b"BZh", "is compressed with bzip2; give it a name that ends in .bz2"),
    (b"\xfd7zXZ\0", "is compressed with xz; give it a name that ends in .xz"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive; unpack it"),
    (b"PK\x03\x04", "is a zip archive (perhaps an Excel file); unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "is an old Excel or Word file; save the sheet as CSV"),
    (b"PAR1", "is a Parquet file; set `format: parquet`"),
    (b"ARROW1", "is an Arrow file; set `format: arrow`"),
    (b"SQLite format 3", "is an SQLite database; export the table as CSV"),
    (b"Obj\x01", "is an Avro file; convert it to Parquet or JSON Lines"),
    (b"ORC", "is an ORC file; convert it to Parquet or JSON Lines"),
    (b"%PDF", "is a PDF file; expected a file of rows"),
    (b"\x80\x04\x95", "is a Python pickle; save the data as Parquet or JSON Lines"),
    (b"\x93NUMPY", "is a NumPy file; save the data as Parquet or JSON Lines"),
    (
        b"version https://git-lfs.github.com/spec/",
        "is a Git LFS pointer, not the file itself; run `git lfs pull`",
    ),
)
_WEB_PAGE = re.compile(rb"\s*<(!doctype html|html)", re.IGNORECASE)
_CONTROLS = bytes({*range(32), 127} - {*b"\0\t\n\r\f\v\x1a\x1b"})

_LEGACY = {
    "cp1252": "windows-1252",
    "cp1250": "windows-1250",
    "cp1251": "windows-1251",
    "koi8_r": "koi8-r",
    "gb18030": "gb18030",
    "big5": "big5",
    "cp932": "cp932",
    "euc_jp": "euc-jp",
    "cp949": "cp949",
    "cp1253": "windows-1253",
    "cp1254": "windows-1254",
    "cp1255": "windows-1255",
    "cp1256": "windows-1256",
    "cp1257": "windows-1257",
    "iso8859_2": "iso8859-2",
    "cp874": "cp874",
}
"""Encodings that are looked for, by the detector's name."""
_LATIN = {"cp1250", "cp1252", "cp1254", "cp1257", "iso8859_2"}
_NOT_WESTERN = re.compile(r"[ðþÐÞ]|[^\W\d_][¡-©¬®-¶¸¹»-¿×÷][^\W\d_]")
"""Turkish and Baltic letters read as windows-1252, and signs within words, as Polish ones become."""
_TURKISH = re.compile("[ýþðÝÞÐ]")
"""What tells windows-1254 from windows-1252: the letters ı, ş and ğ read as windows-1252."""
_TURKISH_LETTERS = frozenset("çöüâîûýþðÇÖÜÂÎÛÝÞÐ")
_LEAST_LINES = 3


@dataclass(frozen=True)
class TextEncoding:
    """How the bytes of a text file become characters.

    Attributes:
        codec: Python's name of it.
        detected: whether it was guessed from frequencies, and not told by the file or the configuration.
    """

    codec: str
    detected: bool = False

    @property
    def stated(self) -> str:
        """For reports: `utf-8`, `utf-8-sig` (with a byte order mark), `windows-1252 (detected)`."""
        return f"{self.codec} (detected)" if self.detected else self.codec

    @property
    def keeps_ascii(self) -> bool:
        """Whether bytes below 128 are ASCII characters wherever they stand: UTF-8, and one byte a character."""
        if self.codec in _UTF8:
            return True
        text = bytes(range(256)).decode(self.codec, "replace")
        return len(text) == 256 and text[:128] == bytes(range(128)).decode("ascii")


def known_encoding(name: str) -> str:
    """The canonical name of a text encoding.

    Raises:
        ValueError: Python has no codec of this name, or it is none of text.
    """
    try:
        canonical = codecs.lookup(name).name
        if canonical in _NO_FILE_ENCODINGS:
            raise LookupError(name)
        "".encode(canonical)
        return canonical
    except LookupError as err:
        raise ValueError(
            f"there is no text encoding {name!r}; examples: utf-8, windows-1252, gb18030"
        ) from err


def detect_encoding(head: bytes, later: bytes, uri: str, *, told: str | None = None) -> TextEncoding:
    """Tells the encoding of a text file: UTF-8 unless a mark, NUL bytes or most of the other characters say otherwise.

    Args:
        head: the first bytes of the file.
        later: pieces from further on, in whole lines; may be empty.
        uri: what error messages call the file.
        told: name of the codec that the configuration gives; None to tell it from the bytes.

    Raises:
        DataError: it is empty, or it is no text; the message says what it is and what to do.
    """
    if not head:
        raise DataError(f"{uri}: is empty; expected rows of text and labels")
    refuse_signature(head, uri)
    marked = next((codec for mark, codec in _MARKS if head.startswith(mark)), None)
    if told is not None:
        return TextEncoding(_settle(told, marked, head))
    if marked is not None:
        return TextEncoding(marked)
    if 0 in head:
        wide = next((codec for codec in _UNMARKED if _fits(head, codec)), None)
        if wide is not None:
            return TextEncoding(wide, detected=True)
    if len(head.translate(None, _CONTROLS)) < 0.95 * len(head) or head.count(0) * 4 > len(head):
        raise DataError(
            f"{uri}: is no text; expected rows of text and labels; if it is in a rare encoding, set `encoding`"
        )
    lines = head.splitlines()
    if len(head) >= SAMPLE_BYTES:
        del lines[-1:]
    return _detect_legacy(lines + later.splitlines()) or TextEncoding("utf-8")


def refuse_signature(head: bytes, uri: str) -> None:
    """Refuses a file whose first bytes say that it is of a known kind that is no text.

    Raises:
        DataError: it is one; the message says what to do.
    """
    for signature, advice in _SIGNATURES:
        if head.startswith(signature):
            raise DataError(f"{uri}: {advice}")
    if _WEB_PAGE.match(head):
        raise DataError(f"{uri}: is a web page, perhaps of a failed download; fetch the file again")


def _settle(told: str, marked: str | None, head: bytes) -> str:
    """The codec that is told; where it leaves open whether there is a mark, what the file says."""
    if told in _UTF8:
        return "utf-8-sig" if marked == "utf-8-sig" else "utf-8"
    if told in ("utf-16", "utf-32") and marked != told:
        return f"{told}-be" if _fits(head, f"{told}-be") else f"{told}-le"
    return told


def _fits(head: bytes, codec: str) -> bool:
    """Whether bytes with NULs among them are whole lines of visible characters in a wide encoding."""
    width = 4 if "32" in codec else 2
    text = codecs.getincrementaldecoder(codec)("replace").decode(head[: len(head) // width * width])
    if head.count(0) * 4 <= len(head) and ("\n" not in text or _is_utf8(head)):
        return False
    shown = sum((char.isprintable() and char != "\ufffd") or char in "\t\r\n" for char in text)
    return shown >= 0.95 * len(text)


def _detect_legacy(lines: list[bytes]) -> TextEncoding | None:
    """An encoding other than UTF-8 in which most of the lines that are not ASCII can be read."""
    telling = dict.fromkeys(line for line in lines if not line.isascii())
    foreign = [line for line in telling if not _is_utf8(line)]
    if len(foreign) < _LEAST_LINES or 2 * len(foreign) < len(telling):
        return None
    from charset_normalizer import from_bytes

    matches = list(from_bytes(b"\n".join(foreign), cp_isolation=list(_LEGACY)))
    if not matches:
        return None
    best: str = matches[0].encoding
    others = {codec for match in matches for codec in match.could_be_from_charset}
    if best in _LATIN and "cp1254" in others and _is_turkish(foreign):
        best = "cp1254"
    elif best in _LATIN and "cp1252" in others and _is_western(foreign):
        best = "cp1252"
    return TextEncoding(_LEGACY.get(best, best), detected=True)


def _is_western(lines: list[bytes]) -> bool:
    """Whether lines read as windows-1252, the most frequent of its kind, look like a language that is written in it."""
    return _NOT_WESTERN.search(b"\n".join(lines).decode("cp1252", "replace")) is None


def _is_turkish(lines: list[bytes]) -> bool:
    """Whether nine in ten letters beyond ASCII are Turkish; Icelandic shares some of the bytes, not most."""
    text = b"\n".join(lines).decode("cp1252", "replace")
    letters = [character for character in text if character.isalpha() and not character.isascii()]
    turkish = sum(letter in _TURKISH_LETTERS for letter in letters)
    return _TURKISH.search(text) is not None and turkish >= 0.9 * len(letters)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
