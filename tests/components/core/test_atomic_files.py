import errno
import itertools
import os
from pathlib import Path

import pytest

from components.core.atomic_files import create_file, download, publish, publishing, write_atomic, write_file
from components.core.errors import StorageError
from components.core.filesystem import content_digest, open_file, read_file

_bucket = itertools.count()


@pytest.fixture
def bucket() -> str:
    """An in-memory object store: the code path of gs:// and s3://."""
    return f"memory://atomic-{next(_bucket)}"


def test_a_failed_publication_leaves_nothing(tmp_path: Path):
    def fill_and_fail() -> None:
        with publishing(tmp_path / "model") as staging:
            (staging / "part").write_text("half")
            raise RuntimeError("power gone")

    with pytest.raises(RuntimeError):
        fill_and_fail()
    assert list(tmp_path.iterdir()) == []


def test_a_publication_appears_whole(tmp_path: Path):
    with publishing(tmp_path / "model") as staging:
        (staging / "deep").mkdir()
        (staging / "deep" / "file").write_text("whole")
        assert not (tmp_path / "model").exists()
    assert (tmp_path / "model" / "deep" / "file").read_text() == "whole"
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


def test_what_is_published_is_never_overwritten(tmp_path: Path):
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    with pytest.raises(StorageError, match="never overwritten"):
        publish(tmp_path / "new", str(tmp_path / "old"))


def test_a_directory_goes_to_an_object_store_and_back(tmp_path: Path, bucket: str):
    (tmp_path / "model" / "variables").mkdir(parents=True)
    (tmp_path / "model" / "variables" / "data").write_bytes(b"\x00\x01")
    (tmp_path / "model" / "saved_model.pb").write_bytes(b"graph")
    digest = content_digest(str(tmp_path / "model"))
    publish(tmp_path / "model", f"{bucket}/models/1")
    assert not (tmp_path / "model").exists()
    download(f"{bucket}/models/1", tmp_path / "back")
    assert content_digest(str(tmp_path / "back")) == digest


def test_what_is_gone_from_an_object_store_is_told(tmp_path: Path, bucket: str):
    with pytest.raises(StorageError, match="is gone; rerun without cache"):
        download(f"{bucket}/nothing", tmp_path / "back")


@pytest.mark.parametrize("remote", [False, True], ids=["local", "object store"])
def test_a_file_is_created_once(tmp_path: Path, bucket: str, remote: bool):
    uri = f"{bucket if remote else tmp_path}/history/1.json"
    assert read_file(uri) is None
    assert create_file(uri, b"first")
    assert not create_file(uri, b"second")
    with open_file(uri) as stream:
        assert stream.read() == b"first"
    write_file(uri, b"replaced")
    with open_file(uri) as stream:
        assert stream.read() == b"replaced"
    if not remote:
        assert [path.name for path in (tmp_path / "history").iterdir()] == ["1.json"]


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_is_created_once_where_there_are_no_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
):
    def link(source: object, destination: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", link)
    path = tmp_path / "history" / "1.json"
    assert create_file(str(path), b"first")
    assert not create_file(str(path), b"second")
    assert path.read_bytes() == b"first"
    assert [entry.name for entry in path.parent.iterdir()] == ["1.json"]


def test_a_disk_that_is_full_leaves_no_part_of_a_file_where_there_are_no_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def link(source: object, destination: object) -> None:
        monkeypatch.setattr(os, "fsync", full)
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", link)
    with pytest.raises(OSError, match="No space left"):
        create_file(str(tmp_path / "1.json"), b"first")
    assert list(tmp_path.iterdir()) == []


def test_a_text_file_is_replaced_whole(tmp_path: Path):
    target = tmp_path / "deep" / "report.html"
    write_atomic(target, "old")
    write_atomic(target, "new — ünïcode")
    assert target.read_text(encoding="utf-8") == "new — ünïcode"
    assert [entry.name for entry in target.parent.iterdir()] == ["report.html"]


def test_what_is_published_survives_a_power_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Each file and directory is flushed before the rename that shows it, and each directory that leads to it after."""
    told: list[str] = []
    fsync, rename = os.fsync, os.rename

    def note_fsync(descriptor: int) -> None:
        fsync(descriptor)
        told.append(Path(f"/proc/self/fd/{descriptor}").readlink().relative_to(tmp_path).as_posix())

    def note_rename(source: Path, target: Path) -> None:
        rename(source, target)
        told.append(f"-> {Path(target).relative_to(tmp_path)}")

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "rename", note_rename)
    (tmp_path / "made" / "inner").mkdir(parents=True)
    (tmp_path / "made" / "inner" / "file").write_text("x")
    publish(tmp_path / "made", str(tmp_path / "stage" / "output" / "1"))

    shown = told.index("-> stage/output/1")
    assert {"made", "made/inner", "made/inner/file"} <= set(told[:shown])
    assert {".", "stage"} <= set(told[:shown]), "directories that are new are there before what is in them"
    assert told[shown + 1 :] == ["stage/output"]
