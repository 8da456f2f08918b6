import bz2
import gzip
import lzma

import fsspec
import pytest
import zstandard

from components.core.errors import DataError
from components.data.sources.compression import open_decompressed, without_compression
from tests.components.data_stages import write

COMPRESS = {
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor().compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}
CONTENT = b"".join(b"%d some text\n" % number for number in range(5000))

every_kind = pytest.mark.parametrize("extension", COMPRESS)


def read(path):
    with open_decompressed(path) as stream:
        return stream.read()


@every_kind
def test_the_extension_says_how_a_file_is_compressed(tmp_path, extension):
    assert read(write(tmp_path / f"a.csv{extension}", COMPRESS[extension](CONTENT))) == CONTENT
    assert read(write(tmp_path / f"A.CSV{extension.upper()}", COMPRESS[extension](CONTENT))) == CONTENT
    assert without_compression(f"a.csv{extension}") == "a.csv"


def test_other_files_are_read_as_they_are(tmp_path):
    assert read(write(tmp_path / "a.csv", CONTENT)) == CONTENT
    assert without_compression("a.csv") == "a.csv"


@every_kind
def test_remote_files_are_decompressed(extension):
    uri = f"memory://compressed/a{extension}"
    with fsspec.open(uri, "wb") as stream:
        stream.write(COMPRESS[extension](CONTENT))
    assert read(uri) == CONTENT


@every_kind
def test_several_members_are_one_file(tmp_path, extension):
    compressed = COMPRESS[extension]
    path = write(tmp_path / f"a{extension}", compressed(b"one\n") + compressed(b"") + compressed(b"two\n"))
    assert read(path) == b"one\ntwo\n"


@every_kind
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-5],
        lambda content: content[: len(content) // 2],
        lambda content: content[:40] + bytes(20) + content[60:],
        lambda content: b"not compressed at all",
    ],
    ids=["tail lost", "half lost", "overwritten", "other content"],
)
def test_broken_data_are_refused(tmp_path, extension, damage):
    path = write(tmp_path / f"a{extension}", damage(COMPRESS[extension](CONTENT)))
    with pytest.raises(DataError, match=rf"a\{extension}: broken \w+ data \(.*\); copy the file again"):
        read(path)


@every_kind
def test_compressed_nothing_is_nothing(tmp_path, extension):
    assert read(write(tmp_path / f"a{extension}", COMPRESS[extension](b""))) == b""
