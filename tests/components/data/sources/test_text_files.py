from components.data.sources.text_files import open_lines
from tests.components.data_stages import write


def read(path, encoding="utf-8", **part):
    with open_lines(path, encoding, **part) as lines:
        return list(lines)


def test_line_ends_stay_as_they_are(tmp_path):
    path = write(tmp_path / "a.csv", "one\r\ntwo\rthree\nfour\u2028five")
    assert read(path) == ["one\r\n", "two\r", "three\n", "four\u2028five"]


def test_a_byte_order_mark_is_no_text(tmp_path):
    assert read(write(tmp_path / "a.csv", b"\xef\xbb\xbfone\n"), "utf-8-sig") == ["one\n"]


def test_bytes_without_a_character_become_lone_surrogates(tmp_path):
    assert read(write(tmp_path / "a.csv", b"caf\xe9\nok\n")) == ["caf\udce9\n", "ok\n"]
    assert read(write(tmp_path / "b.csv", b"\x81\x8d\n"), "cp1252") == ["\udc81\udc8d\n"]
    lone = "a\ud800b\n".encode("utf-16-le", "surrogatepass")
    assert read(write(tmp_path / "c.csv", lone), "utf-16-le") == ["a\udc00\udcd8b\n"]


def test_a_part_is_read_by_its_bytes(tmp_path):
    path = write(tmp_path / "a.csv", "one\nzwö\nthree\n")
    assert read(path, start=4, end=9) == ["zwö\n"]
    assert read(path, start=9) == ["three\n"]
