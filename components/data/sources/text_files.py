"""Opening text sources: a part of a file, or a whole one that may be compressed or in another encoding than UTF-8."""

import codecs
import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING, cast

from components.core.filesystem import open_file
from components.data.sources.compression import open_decompressed

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["open_lines", "open_slice"]

_BUFFER_BYTES = 1 << 18
_LONE_SURROGATES = "lone-surrogates"


@contextmanager
def open_lines(
    uri: str, encoding: str, *, start: int | None = None, end: int | None = None
) -> Iterator[io.TextIOWrapper]:
    """Opens a text file, or the bytes from `start` to `end` of one that is not compressed, for reading by lines.

    Lines keep their ends (`\\n`, `\\r\\n` or `\\r`). A byte that the encoding has no character for appears as a lone
    surrogate (U+DC00 plus the byte), so that one bad row does not cost the file.

    Args:
        uri: path or URI.
        encoding: name of a codec.
        start: first byte, from 0; None for the whole file.
        end: the byte after the last; None for the end of the file.

    Raises:
        DataError: compressed data are broken.
        UserError: there is no such file, or it may not be read.
    """
    with ExitStack() as stack:
        if start is None:
            stream = stack.enter_context(open_decompressed(uri))
        else:
            stream = open_slice(stack.enter_context(open_file(uri)), start, end)
        # newline="" leaves line ends inside quotes as they are, which the csv module asks for.
        text = io.TextIOWrapper(stream, encoding, errors=_LONE_SURROGATES, newline="")
        yield stack.enter_context(text)


def open_slice(stream: IO[bytes], start: int, end: int | None) -> IO[bytes]:
    """The bytes from `start` to `end` (None for the end of the file) of an open, seekable stream."""
    stream.seek(start)
    limit = None if end is None else end - start
    return cast("IO[bytes]", io.BufferedReader(_Limited(stream, limit), _BUFFER_BYTES))


class _Limited(io.RawIOBase):
    """The next bytes of a stream, up to a limit."""

    def __init__(self, stream: IO[bytes], limit: int | None) -> None:
        self._stream = stream
        self._left = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        view = memoryview(buffer).cast("B")
        size = len(view) if self._left is None else min(len(view), self._left)
        content = self._stream.read(size)
        if self._left is not None:
            self._left -= len(content)
        view[: len(content)] = content
        return len(content)


def _as_lone_surrogates(err: UnicodeError) -> tuple[str, int]:
    if not isinstance(err, UnicodeDecodeError):
        raise err
    bad = err.object[err.start : err.end]
    return "".join(chr(0xDC00 + byte) for byte in bad), err.end


codecs.register_error(_LONE_SURROGATES, _as_lone_surrogates)
