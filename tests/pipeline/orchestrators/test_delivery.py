"""Directories on their way to file systems that have no renaming of directories."""

import errno
from pathlib import Path

import pytest

from components.core.errors import StorageError
from pipeline.orchestrators.delivery import absolute, deliver, fetch


@pytest.fixture
def source(tmp_path: Path) -> Path:
    directory = tmp_path / "source"
    (directory / "deep").mkdir(parents=True)
    (directory / "top").write_text("top")
    (directory / "deep" / "file").write_text("deep")
    return directory


def contents(directory: Path) -> dict[str, str]:
    files = (path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): path.read_text() for path in files}


def test_a_mounted_bucket_that_cannot_rename_is_filled_file_by_file(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuse(self: Path, target: Path) -> Path:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(Path, "rename", refuse)
    deliver(source, str(tmp_path / "bucket" / "output"))
    assert contents(tmp_path / "bucket" / "output") == contents(source)
    assert [path.name for path in (tmp_path / "bucket").iterdir()] == ["output"]


def test_any_other_trouble_is_not_hidden(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(self: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OSError, match="No space left"):
        deliver(source, str(tmp_path / "output"))
    assert not (tmp_path / "output").exists()


def test_what_is_there_is_replaced_only_on_request(source: Path, tmp_path: Path):
    target = tmp_path / "output"
    target.mkdir()
    deliver(source, str(target))
    (source / "top").write_text("new")
    with pytest.raises(StorageError, match="never overwritten"):
        deliver(source, str(target))
    deliver(source, str(target), replace=True)
    assert contents(target)["top"] == "new"
    deliver(target, str(target), replace=True)
    assert contents(target)["top"] == "new"


def test_a_bucket_has_two_names(tmp_path: Path):
    assert absolute("/gcs/bucket/run/model") == "gs://bucket/run/model"
    assert absolute("/s3/bucket/run/model") == "s3://bucket/run/model"
    assert absolute("gs://bucket/run") == "gs://bucket/run"
    assert absolute(str(tmp_path)) == str(tmp_path)
    assert fetch(str(tmp_path), tmp_path / "copy") == tmp_path
