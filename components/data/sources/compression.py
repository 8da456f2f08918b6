"""Reading compressed files: told by the extension, read as one stream, and refused in words when they are broken."""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING, Any, cast

from components.core.errors import DataError
from components.core.filesystem import open_file

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["compression_of", "open_decompressed", "without_compression"]

_KINDS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bzip2", ".xz": "xz"}
_ZSTD_INPUT_BYTES = 1 << 12
"""Four bytes of zstd may stand for 128 KiB, so that one piece becomes at most 128 MiB."""


def compression_of(uri: str) -> str | None:
    """`gzip`, `zstd`, `bzip2` or `xz` as the extension says; None for a file that is not compressed."""
    return next((kind for extension, kind in _KINDS.items() if uri.lower().endswith(extension)), None)


def without_compression(uri: str) -> str:
    """The name without the extension of its compression."""
    return uri.rpartition(".")[0] if compression_of(uri) else uri


@contextmanager
def open_decompressed(uri: str) -> Iterator[IO[bytes]]:
    """Opens a local or remote file, decompressed if its extension says so; several members read as one.

    Raises:
        DataError: the compressed data are broken or cut off (raised while they are read, too).
        UserError: there is no such file, or it may not be read.
    """
    kind = compression_of(uri)
    with ExitStack() as stack:
        raw = stack.enter_context(open_file(uri))
        if kind is None:
            yield raw
            return
        stream = stack.enter_context(cast("IO[bytes]", _decompress(raw, kind)))
        yield cast("IO[bytes]", stack.enter_context(io.BufferedReader(_Checked(stream, uri, kind))))


def _decompress(raw: IO[bytes], kind: str) -> Any:
    match kind:
        case "gzip":
            return gzip.GzipFile(fileobj=raw, mode="rb")
        case "bzip2":
            return bz2.BZ2File(raw)
        case "xz":
            return lzma.LZMAFile(raw)
        case _:
            return _ZstdFile(raw)


class _Checked(io.RawIOBase):
    """Passes bytes on, and turns the errors of every decompressor into one."""

    def __init__(self, stream: IO[bytes], uri: str, kind: str) -> None:
        import zstandard

        self._stream = stream
        self._uri = uri
        self._kind = kind
        self._errors = (EOFError, OSError, zlib.error, lzma.LZMAError, zstandard.ZstdError)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        view = memoryview(buffer).cast("B")
        try:
            content = self._stream.read(len(view))
        except self._errors as err:
            raise DataError(
                f"{self._uri}: broken {self._kind} data ({err}); copy the file again, or rename it if it is not "
                "compressed"
            ) from err
        view[: len(content)] = content
        return len(content)


class _ZstdFile(io.RawIOBase):
    """A zstd stream of any number of frames; unlike the library's own reader it notices when the last is cut off."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._input = b""
        self._output = b""
        self._frame: Any = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        view = memoryview(buffer).cast("B")
        while not self._output and self._fill():
            continue
        content, self._output = self._output[: len(view)], self._output[len(view) :]
        view[: len(content)] = content
        return len(content)

    def _fill(self) -> bool:
        """Decompresses the next piece; False at the end of the stream."""
        import zstandard

        piece = self._input or self._raw.read(_ZSTD_INPUT_BYTES)
        self._input = b""
        if not piece:
            if self._frame is not None:
                raise EOFError("the last frame is cut off")
            return False
        if self._frame is None:
            self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._output = self._frame.decompress(piece)
        if self._frame.eof:
            self._input = self._frame.unused_data
            self._frame = None
        return True
