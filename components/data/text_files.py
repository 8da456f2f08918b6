"""Opening text sources: gzip, byte order marks, and a refusal in words of what is no UTF-8 text."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, cast

from components.core.errors import DataError
from components.core.filesystem import open_file

__all__ = ["TextFile", "open_text"]

_HEAD_BYTES = 4096
_BUFFER_BYTES = 1 << 18
_UTF8_BOM = b"\xef\xbb\xbf"
_SIGNATURES = (
    (b"\x1f\x8b", "is gzipped; give it a name that ends in .gz"),
    (b"PK\x03\x04", "is a zip archive (perhaps an Excel file); unpack it, or save the sheet as CSV"),
    (b"PAR1", "is a Parquet file; set `format: parquet`"),
    (b"\xff\xfe", "is UTF-16; convert it with `iconv -f UTF-16 -t UTF-8`"),
    (b"\xfe\xff", "is UTF-16; convert it with `iconv -f UTF-16 -t UTF-8`"),
)


@dataclass(frozen=True)
class TextFile:
    """An open text file.

    Attributes:
        lines: the lines with their ends (`\\n`, `\\r\\n` or `\\r`). A byte that is not UTF-8 appears as a lone
            surrogate U+DC80..U+DCFF, so that one bad row does not cost the file.
        encoding: `utf-8` or `utf-8-sig` (with a byte order mark, which is not part of the lines).
    """

    lines: Iterator[str]
    encoding: str


@contextmanager
def open_text(uri: str) -> Iterator[TextFile]:
    """Opens a text file for reading by lines; gzipped if its name ends in `.gz`.

    Raises:
        DataError: the file is empty, is no UTF-8 text as a whole, or its gzip data are broken.
        UserError: there is no such file, or it may not be read.
    """
    with ExitStack() as stack:
        stream: Any = stack.enter_context(open_file(uri))
        try:
            if uri.endswith(".gz"):
                stream = stack.enter_context(gzip.GzipFile(fileobj=stream, mode="rb"))
            buffered = stack.enter_context(io.BufferedReader(cast("io.RawIOBase", stream), _BUFFER_BYTES))
            encoding = _encoding(buffered, uri)
            # newline="" leaves line ends inside quotes as they are, which the csv module asks for.
            text = stack.enter_context(
                io.TextIOWrapper(buffered, encoding, errors="surrogateescape", newline="")
            )
            yield TextFile(text, encoding)
        except (EOFError, zlib.error, gzip.BadGzipFile) as err:
            raise DataError(f"{uri}: broken gzip data ({err}); copy the file again") from err


def _encoding(buffered: "io.BufferedReader[Any]", uri: str) -> str:
    head = buffered.peek(_HEAD_BYTES)[:_HEAD_BYTES]
    if not head:
        raise DataError(f"{uri}: is empty; expected rows of text and labels")
    for signature, advice in _SIGNATURES:
        if head.startswith(signature):
            raise DataError(f"{uri}: {advice}")
    if head.count(0) * 4 > len(head):
        raise DataError(
            f"{uri}: is not UTF-8 text (perhaps UTF-16 or binary); convert it with `iconv -t UTF-8`"
        )
    return "utf-8-sig" if head.startswith(_UTF8_BOM) else "utf-8"
