import gzip
from pathlib import Path

import pytest

from components.core.errors import DataError, UserError
from components.data.sources.unlabelled import read_unlabelled


def test_plain_text_is_a_text_a_line(tmp_path: Path):
    path = tmp_path / "texts.txt"
    path.write_bytes('\ufeffone text\r\n\n  \nnaïve, "quoted"\tand tabbed\n'.encode())
    found = [(text.id, text.text) for text in read_unlabelled(str(path))]
    assert found == [("texts.txt:1", "one text"), ("texts.txt:4", 'naïve, "quoted"\tand tabbed')]


def test_files_of_a_pattern_follow_each_other_and_may_be_compressed(tmp_path: Path):
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"second"))
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"first"))
    assert [text.text for text in read_unlabelled(str(tmp_path / "*.txt.gz"))] == ["first", "second"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("texts.csv", 'id,body\n1,"a, b"\n2,\n'),
        ("semicolons.csv", "id;body\n1;a, b\n2;\n"),
        ("texts.tsv", "id\tbody\n1\ta, b\n2\t\n"),
        ("texts.jsonl", '{"body": "a, b"}\n{"body": 3}\nbroken\n{"other": "x"}\n'),
    ],
)
def test_a_column_of_a_table_is_read(tmp_path: Path, name: str, content: str):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert [text.text for text in read_unlabelled(str(path), column="body")] == ["a, b"]


def test_names_of_splits_mean_nothing(tmp_path: Path):
    for language in ("de", "en"):
        (tmp_path / language).mkdir()
        (tmp_path / language / "train.csv").write_text(f"text\n{language}\n", encoding="utf-8")
    (tmp_path / "en" / "rest.csv").write_text("text\nmore\n", encoding="utf-8")
    assert [text.text for text in read_unlabelled(str(tmp_path))] == ["de", "more", "en"]


def test_a_column_that_no_row_has_is_an_error(tmp_path: Path):
    path = tmp_path / "texts.jsonl"
    path.write_text('{"body": "a"}\n', encoding="utf-8")
    with pytest.raises(DataError, match="no row has a text in column 'text'"):
        list(read_unlabelled(str(path)))
    table = tmp_path / "texts.csv"
    table.write_text("id,body\n1,a\n", encoding="utf-8")
    with pytest.raises(
        DataError, match=r"no column 'text'; name the column that holds the texts \(id, body\)"
    ):
        list(read_unlabelled(str(table)))


def test_a_missing_file_is_an_error(tmp_path: Path):
    with pytest.raises(UserError, match="absent"):
        list(read_unlabelled(str(tmp_path / "absent.txt")))


def test_bytes_that_are_no_utf8_do_not_stop_it(tmp_path: Path):
    path = tmp_path / "texts.txt"
    path.write_bytes(b"caf\xe9 noir\nnext\n")
    assert [text.text for text in read_unlabelled(str(path))] == ["caf? noir", "next"]
