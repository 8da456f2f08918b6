"""The pusher publishes whole versions, or nothing."""

import itertools
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec
import pytest

from components.core.artifacts import PushedModel, SavedModelExport, TFLiteExport
from components.core.component import Summary
from components.core.errors import StorageError, UserError
from components.core.filesystem import exists, open_file
from components.pusher import MANIFEST, PusherConfig, pusher

_bucket = itertools.count()


class Push:
    """Exports with some content, pushed as often as one likes."""

    def __init__(self, directory: Path, destination: str, content: bytes = b"one") -> None:
        self.directory = directory
        self.destination = destination
        self.saved_model = SavedModelExport(directory / "saved_model")
        self.tflite = TFLiteExport(directory / "tflite")
        (self.saved_model.saved_model_dir / "variables").mkdir(parents=True)
        self.tflite.path.mkdir()
        self.tflite.model_path("int8").write_bytes(b"tflite")
        (self.tflite.path / "labels.txt").write_text("joy\n")
        self.write(content)

    def write(self, content: bytes) -> None:
        (self.saved_model.saved_model_dir / "saved_model.pb").write_bytes(content)
        (self.saved_model.saved_model_dir / "variables" / "variables.index").write_bytes(content)

    def run(self) -> tuple[PushedModel, Summary]:
        pushed = PushedModel(self.directory / f"pushed-{len(list(self.directory.iterdir()))}")
        pushed.path.mkdir()
        summary = pusher(
            config=PusherConfig(destination=self.destination),
            saved_model=self.saved_model,
            tflite=self.tflite,
            pushed=pushed,
        )
        return pushed, summary


@pytest.fixture
def push(tmp_path: Path) -> Push:
    return Push(tmp_path / "run", str(tmp_path / "models"))


def tree(directory: Path) -> list[str]:
    return sorted(file.relative_to(directory).as_posix() for file in directory.rglob("*") if file.is_file())


def test_the_first_version_has_tf_servings_layout(push: Push, tmp_path: Path) -> None:
    pushed, summary = push.run()
    models = tmp_path / "models"
    assert tree(models) == [
        "saved_model/1/SHA256SUMS",
        "saved_model/1/saved_model.pb",
        "saved_model/1/variables/variables.index",
        "tflite/1/SHA256SUMS",
        "tflite/1/emotion_int8.tflite",
        "tflite/1/labels.txt",
    ]
    places = {"saved_model": f"{models}/saved_model/1", "tflite": f"{models}/tflite/1"}
    assert pushed.pushed() == {"version": 1, "destination": str(models), **places}
    assert summary == {"version": 1, "is_new": True, **places}
    assert pushed.is_intact()


def test_the_manifest_is_checked_by_sha256sum(push: Push) -> None:
    directory = Path(push.run()[0].pushed()["saved_model"])
    command = ["sha256sum", "--check", "--strict", MANIFEST]
    assert subprocess.run(command, cwd=directory, capture_output=True, check=False).returncode == 0
    (directory / "saved_model.pb").write_bytes(b"changed")
    assert subprocess.run(command, cwd=directory, capture_output=True, check=False).returncode == 1


def test_versions_increase_and_none_is_touched(push: Push, tmp_path: Path) -> None:
    push.run()
    (tmp_path / "models" / "saved_model" / "9").mkdir()
    push.write(b"two")
    _, summary = push.run()
    assert summary["version"] == 10
    saved_models = tmp_path / "models" / "saved_model"
    assert (saved_models / "1" / "saved_model.pb").read_bytes() == b"one"
    assert (saved_models / "10" / "saved_model.pb").read_bytes() == b"two"
    assert (tmp_path / "models" / "tflite" / "10").is_dir()


def test_the_same_files_are_not_published_twice(push: Push, tmp_path: Path) -> None:
    push.run()
    before = tree(tmp_path / "models")
    _, summary = push.run()
    assert (summary["version"], summary["is_new"]) == (1, False)
    assert tree(tmp_path / "models") == before


def test_a_pushed_model_is_stale_when_it_is_gone_or_overtaken(push: Push, tmp_path: Path) -> None:
    first, _ = push.run()
    push.write(b"two")
    second, _ = push.run()
    assert not first.is_intact(), "servers take version 2: going back to version 1 needs another push"
    assert second.is_intact()
    (tmp_path / "models" / "tflite" / "2").rename(tmp_path / "elsewhere")
    assert not second.is_intact()
    (tmp_path / "models" / "saved_model").rename(tmp_path / "elsewhere too")
    assert not second.is_intact()
    (second.path / "pushed.json").unlink()
    assert not second.is_intact()


def test_a_relative_destination_is_taken_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pushed, _ = Push(tmp_path / "run", "models/emotion").run()
    assert pushed.pushed()["saved_model"] == f"{tmp_path}/models/emotion/saved_model/1"


def test_an_object_store(tmp_path: Path) -> None:
    bucket = f"memory://pusher-{next(_bucket)}/models"
    push = Push(tmp_path / "run", bucket)
    pushed, _ = push.run()
    assert pushed.is_intact()
    with open_file(f"{bucket}/saved_model/1/variables/variables.index") as stream:
        assert stream.read() == b"one"
    assert push.run()[1]["is_new"] is False
    push.write(b"two")
    assert push.run()[1]["saved_model"] == f"{bucket}/saved_model/2"
    assert not pushed.is_intact()


def test_an_upload_that_breaks_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = f"memory://pusher-{next(_bucket)}/models"
    filesystem = type(fsspec.filesystem("memory"))
    upload = filesystem.put_file

    def break_off(self, local: str, remote: str, **options: object) -> None:
        if remote.endswith("saved_model.pb"):
            raise ConnectionResetError("the line is dead")
        upload(self, local, remote, **options)

    monkeypatch.setattr(filesystem, "put_file", break_off)
    with pytest.raises(StorageError, match=r"the line is dead.*Nothing was published"):
        Push(tmp_path / "run", bucket).run()
    assert not exists(f"{bucket}/saved_model/1")
    assert not exists(f"{bucket}/tflite/1")


@contextmanager
def largest_file(size_bytes: int) -> Iterator[None]:
    """Lets no file of this process grow beyond a size, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    push = Push(tmp_path / "run", str(tmp_path / "models"), content=b"x" * 3_000_000)
    with (
        largest_file(2_000_000),
        pytest.raises(StorageError, match=r"saved_model/1: cannot be written.*free some space"),
    ):
        push.run()
    assert tree(tmp_path / "models") == []
    assert not (tmp_path / "models" / "tflite" / "1").exists()
    assert push.run()[1]["version"] == 1


def test_a_destination_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(UserError, match=f"{tmp_path}/models/tflite: cannot write here"):
        Push(tmp_path / "run", str(tmp_path / "models")).run()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir(mode=0o555)
    with pytest.raises(UserError, match="cannot write here"):
        Push(tmp_path / "run", str(tmp_path / "models")).run()
