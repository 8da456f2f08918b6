import gzip

import pytest

from components.core.errors import DataError, UserError
from components.data.text_files import open_text
from tests.components.data_stages import write


def read(path):
    with open_text(path) as file:
        return list(file.lines), file.encoding


def test_line_ends_stay_as_they_are(tmp_path):
    path = write(tmp_path / "a.csv", "one\r\ntwo\rthree\nfour\u2028five")
    assert read(path) == (["one\r\n", "two\r", "three\n", "four\u2028five"], "utf-8")


def test_a_byte_order_mark_is_no_text(tmp_path):
    assert read(write(tmp_path / "a.csv", b"\xef\xbb\xbfone\n")) == (["one\n"], "utf-8-sig")


def test_gzip_is_read_by_its_extension(tmp_path):
    assert read(write(tmp_path / "a.csv.gz", gzip.compress(b"one\n"))) == (["one\n"], "utf-8")


def test_bad_bytes_become_lone_surrogates(tmp_path):
    assert read(write(tmp_path / "a.csv", b"caf\xe9\nok\n"))[0] == ["caf\udce9\n", "ok\n"]


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (b"", "is empty"),
        (gzip.compress(b"one"), r"ends in \.gz"),
        (b"PK\x03\x04rest", "Excel"),
        (b"PAR1rest", "format: parquet"),
        ("one".encode("utf-16"), "iconv -f UTF-16"),
        ("some text".encode("utf-16-le"), "not UTF-8 text"),
    ],
)
def test_what_is_no_utf8_text_is_refused_with_advice(tmp_path, content, advice):
    with pytest.raises(DataError, match=rf"a\.csv: .*{advice}"):
        read(write(tmp_path / "a.csv", content))


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(bytes(range(256)) * 999)[:-30]])
def test_broken_gzip_data_are_refused(tmp_path, content):
    with pytest.raises(DataError, match=r"a\.csv\.gz: broken gzip data"):
        read(write(tmp_path / "a.csv.gz", content))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"gone\.csv: no such file"):
        read(str(tmp_path / "gone.csv"))
