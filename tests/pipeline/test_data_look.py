from pathlib import Path

import pytest

from components.core.errors import UserError
from pipeline.commands.data_look import look_at


def write(path: Path, *lines: str) -> str:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def test_what_is_found(tmp_path: Path):
    path = write(
        tmp_path / "data.csv", "uid,comment,mood,author", "1,so happy today,joy|love,ann", "2,no,anger,bob"
    )
    found = look_at(path, text=None, labels="mood")
    assert found.source.uri == path
    assert found.columns == ("uid", "comment", "mood", "author")
    assert (found.text, found.labels, found.id, found.group) == ("comment", "mood", "uid", "author")
    assert (found.separator, found.counts) == ("|", {"anger": 1, "joy": 1, "love": 1})
    assert (found.rows, found.splits, found.longest_words) == (2, (), 3)


def test_lists_that_are_written_as_text(tmp_path: Path):
    path = write(
        tmp_path / "data.csv", "text,labels", "so happy,\"['joy', 'love']\"", "no,['anger']", "so,[?]"
    )
    found = look_at(path, text=None, labels=None)
    assert (found.separator, found.counts) == (",", {"[?]": 1, "anger": 1, "joy": 1, "love": 1})


def test_files_named_after_splits(tmp_path: Path):
    for split in ("train", "dev"):
        write(tmp_path / f"{split}.tsv", "text\tlabel", "hi\tjoy")
    found = look_at(str(tmp_path), text=None, labels=None)
    assert set(found.splits) == {"train", "validation"}
    assert found.separator is None


def test_a_column_that_is_not_there(tmp_path: Path):
    path = write(tmp_path / "data.csv", "text,label", "a,joy")
    with pytest.raises(UserError, match="no column 'body' for --text; there are text, label"):
        look_at(path, text="body", labels=None)
