"""The pusher publishes whole versions, or nothing."""

import itertools
import json
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec
import pytest
from pydantic import ValidationError

from components.core.artifacts import ModelBlessing, PushedModel, SavedModelExport, TFLiteExport
from components.core.component import Lineage, Summary
from components.core.errors import StorageError, UserError
from components.core.filesystem import exists, open_file
from components.core.verdict import Check, Verdict
from components.publishing.destination import Destination
from components.publishing.releases import Releases
from components.pusher import PusherConfig, pusher
from serving.manifest import check_manifest

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

    def run(self, lineage: Lineage | None = None, **settings: object) -> tuple[PushedModel, Summary]:
        pushed = PushedModel(self.directory / f"pushed-{len(list(self.directory.iterdir()))}")
        pushed.path.mkdir()
        blessing = ModelBlessing(self.directory / "blessing")
        blessing.path.mkdir(exist_ok=True)
        Verdict((Check.at_least("macro_f1", 0.6, 0.5, "fine"),)).write(blessing.verdict_path)
        summary = pusher(
            config=PusherConfig.model_validate({"destination": self.destination, **settings}),
            saved_model=self.saved_model,
            tflite=self.tflite,
            model_blessing=blessing,
            lineage=lineage,
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
        "history/000001.json",
        "history/000002.json",
        "saved_model/1/manifest.json",
        "saved_model/1/saved_model.pb",
        "saved_model/1/variables/variables.index",
        "tflite/1/emotion_int8.tflite",
        "tflite/1/labels.txt",
        "tflite/1/manifest.json",
        "tflite/update.json",
    ]
    places = {"saved_model": f"{models}/saved_model/1", "tflite": f"{models}/tflite/1"}
    assert pushed.pushed() == {"version": 1, "destination": str(models), "event": 2, **places}
    assert summary == {"version": 1, "is_new": True, **places}
    assert pushed.is_intact()


def test_the_manifest_names_files_lineage_and_verdict(push: Push) -> None:
    lineage = Lineage("starter", 12, {"examples": "ab" * 32})
    directory = Path(push.run(lineage)[0].pushed()["saved_model"])
    manifest = check_manifest(directory)
    assert manifest["lineage"] == {
        "pipeline": "starter",
        "run_id": 12,
        "inputs": {"examples": "ab" * 32},
        "verdicts": {
            "model": {
                "blessed": True,
                "checks": [{"name": "macro_f1", "value": 0.6, "limit": 0.5, "passed": True}],
            }
        },
    }
    lines = [f"{file['sha256']}  {name}\n" for name, file in manifest["files"].items()]
    command = ["sha256sum", "--check", "--strict"]
    subprocess.run(command, cwd=directory, input="".join(lines), text=True, capture_output=True, check=True)
    assert "signature" not in manifest


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


def test_a_version_that_was_damaged_is_published_again(push: Push, tmp_path: Path) -> None:
    push.run()
    (tmp_path / "models" / "saved_model" / "1" / "saved_model.pb").unlink()
    assert push.run()[1]["version"] == 2


def test_a_pushed_model_is_stale_when_it_is_gone_or_overtaken(push: Push, tmp_path: Path) -> None:
    first, _ = push.run()
    push.write(b"two")
    second, _ = push.run()
    assert not first.is_intact(), "servers take version 2: going back to version 1 needs another push"
    assert second.is_intact()
    (tmp_path / "models" / "tflite" / "2").rename(tmp_path / "elsewhere")
    assert not second.is_intact()
    (tmp_path / "models" / "history").rename(tmp_path / "elsewhere too")
    assert not second.is_intact()
    (second.path / "pushed.json").unlink()
    assert not second.is_intact()


def test_what_was_rolled_back_is_not_pushed_again(push: Push, tmp_path: Path) -> None:
    push.run()
    push.write(b"two")
    pushed, _ = push.run()
    Releases(Destination(push.destination)).rollback()
    assert not pushed.is_intact(), "the stage looks again"
    again, summary = push.run()
    assert (summary["version"], summary["is_new"], summary["withdrawn"]) == (3, False, 2)
    assert again.is_intact(), "and is taken from the cache from then on"
    assert (tmp_path / "models" / "saved_model" / "3" / "saved_model.pb").read_bytes() == b"one"
    push.write(b"three")
    assert push.run()[1]["version"] == 4


def test_a_relative_destination_is_taken_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pushed, _ = Push(tmp_path / "run", "models/emotion").run()
    assert pushed.pushed()["saved_model"] == f"{tmp_path}/models/emotion/saved_model/1"


def test_a_file_uri_is_the_path_that_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pushed, _ = Push(tmp_path / "run", f"file://{tmp_path}/models").run()
    assert pushed.pushed()["saved_model"] == f"{tmp_path}/models/saved_model/1"
    assert Destination(f"file://{tmp_path}/models").holds(1)
    assert PusherConfig(destination="file:///models").destination == "/models"


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


def test_an_object_store_gets_what_makes_a_version_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filesystem = type(fsspec.filesystem("memory"))
    upload, uploaded = filesystem.put_file, []

    def note(self, local: str, remote: str, **options: object) -> None:
        uploaded.append(remote.partition("/models/")[2])
        upload(self, local, remote, **options)

    monkeypatch.setattr(filesystem, "put_file", note)
    Push(tmp_path / "run", f"memory://pusher-{next(_bucket)}/models").run()
    assert uploaded == [
        "tflite/1/emotion_int8.tflite",
        "tflite/1/labels.txt",
        "tflite/1/manifest.json",
        "saved_model/1/variables/variables.index",
        "saved_model/1/manifest.json",
        "saved_model/1/saved_model.pb",
    ]


def test_an_upload_that_breaks_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = f"memory://pusher-{next(_bucket)}/models"
    filesystem = type(fsspec.filesystem("memory"))
    upload = filesystem.put_file

    def break_off(self, local: str, remote: str, **options: object) -> None:
        if remote.endswith("saved_model.pb"):
            raise ConnectionResetError("the line is dead")
        upload(self, local, remote, **options)

    push = Push(tmp_path / "run", bucket)
    with monkeypatch.context() as patch:
        patch.setattr(filesystem, "put_file", break_off)
        with pytest.raises(StorageError, match=r"the line is dead.*Nothing was published"):
            push.run()
    assert not exists(f"{bucket}/saved_model/1")
    assert not exists(f"{bucket}/tflite/1")
    assert push.run()[1]["version"] == 2, "a number is given once"


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
    assert tree(tmp_path / "models") == ["history/000001.json"]
    assert not (tmp_path / "models" / "tflite" / "1").exists()
    assert push.run()[1]["version"] == 2


def test_a_destination_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(UserError, match=f"{tmp_path}/models/history: cannot write here"):
        Push(tmp_path / "run", str(tmp_path / "models")).run()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir(mode=0o555)
    with pytest.raises(UserError, match="cannot write here"):
        Push(tmp_path / "run", str(tmp_path / "models")).run()


def test_a_canary_that_nobody_could_be_told_of_is_refused() -> None:
    with pytest.raises(ValidationError, match="`canary` needs `served_as` or `kserve`"):
        PusherConfig(canary=True)


def test_a_cluster_cannot_read_this_disk() -> None:
    with pytest.raises(ValidationError, match="a cluster cannot read models/emotion"):
        PusherConfig.model_validate({"kserve": {}})


def test_a_canary_is_told_of(push: Push) -> None:
    settings = {"served_as": {"settle_seconds": 0}, "canary": True}
    assert "label" not in push.run(**settings)[1], "the first version has nothing to be compared with"
    push.write(b"two")
    pushed, summary = push.run(**settings)
    assert (summary["version"], summary["label"]) == (2, "canary")
    update = json.loads((Path(push.destination) / "tflite" / "update.json").read_text())
    assert update["model_version"] == 1, "apps wait for the promotion"
    assert pushed.is_intact()
