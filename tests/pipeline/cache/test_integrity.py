"""A cached artifact that is not what it was is noticed and rebuilt; one that is, is not read again."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.core.filesystem import content_digest
from pipeline import integrity
from pipeline.integrity import VerifiedDirectories
from tests.pipeline import toy_stages
from tests.pipeline.test_local_runner import Root
from tests.pipeline.test_local_runner import root as anywhere  # noqa: F401 - a fixture
from tests.pipeline.toy_stages import toy_graph


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Root]:
    root = Root(tmp_path)
    yield root
    root.store.close()


def tamper(file: Path) -> None:
    """Changes the content and nothing else that `ls` shows."""
    before = file.stat()
    file.write_text(file.read_text().replace("6", "7"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def test_a_byte_changed_in_an_artifact_rebuilds_it_and_nothing_else(anywhere: Root):  # noqa: F811
    model = anywhere.run().stages["train"].outputs["model"]
    tamper(model.config_path)
    again = anywhere.run()
    assert toy_stages.calls == ([] if "://" in anywhere.storage.root else ["train"]), (
        "a local copy is fetched anew"
    )
    assert again.stages["train"].outputs["model"].config_path.read_text() == "6.0"
    anywhere.run()
    assert toy_stages.calls == []


def test_a_file_too_many_or_too_few_is_noticed(local: Root):
    path = local.run().stages["read"].outputs["examples"].path
    (path / "extra").write_text("x")
    local.run()
    assert toy_stages.calls == ["read"]
    (local.run().stages["read"].outputs["examples"].path / "number").unlink()
    local.run()
    assert toy_stages.calls == ["read"]


def test_an_unchanged_artifact_is_not_read(local: Root, monkeypatch: pytest.MonkeyPatch):
    local.run()
    monkeypatch.setattr(integrity, "content_digest", lambda path: pytest.fail(f"{path} was read"))
    local.run()
    assert toy_stages.calls == []


def test_an_artifact_that_only_looks_different_is_read_once_and_kept(
    local: Root, monkeypatch: pytest.MonkeyPatch
):
    model = local.run().stages["train"].outputs["model"]
    os.utime(model.config_path)
    local.run()
    assert toy_stages.calls == []
    monkeypatch.setattr(integrity, "content_digest", lambda path: pytest.fail(f"{path} was read"))
    local.run()
    assert toy_stages.calls == []


def test_what_was_remembered_of_one_directory_says_nothing_of_another(tmp_path: Path):
    verified = VerifiedDirectories(tmp_path / "notes")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_text("x")
    verified.remember(tmp_path / "a")
    (tmp_path / "b").mkdir()
    assert verified.holds(tmp_path / "a", "not looked at")
    assert not verified.holds(tmp_path / "b", "not its digest")
    assert not verified.holds(tmp_path / "c", "")


def test_the_baseline_is_one_that_is_still_there(local: Root):
    for factor in (2, 3):
        models = local.run(toy_graph(str(local.data), factor=factor)).stages["train"].outputs
    models["model"].config_path.unlink()
    judged = local.run(toy_graph(str(local.data), factor=4)).stages["judge"]
    assert judged.summary == {"baseline": 6.0}


def test_where_no_note_can_be_kept_the_content_is_read_each_time(tmp_path: Path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "file").write_text("6")
    (tmp_path / "in the way").write_text("")
    verified = VerifiedDirectories(tmp_path / "in the way")
    digest = content_digest(str(tmp_path / "model"))
    assert verified.holds(tmp_path / "model", digest)
    tamper(tmp_path / "model" / "file")
    assert not verified.holds(tmp_path / "model", digest)
