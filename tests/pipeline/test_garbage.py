"""`emotion gc` keeps what somebody may need, and a later run makes again what is gone."""

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.core.errors import UserError
from pipeline.artifact_storage import ArtifactStorage
from pipeline.commands.gc import gc_command
from pipeline.garbage import check_idle, collect_garbage, find_garbage
from pipeline.local_runner import LocalRunner
from pipeline.metadata.location import open_store_to_run
from pipeline.metadata.records import ArtifactState, State
from tests.pipeline import toy_stages
from tests.pipeline.test_local_runner import Root
from tests.pipeline.test_local_runner import root as anywhere  # noqa: F401 - a fixture
from tests.pipeline.toy_stages import toy_graph


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Root]:
    root = Root(tmp_path)
    yield root
    root.store.close()


def run(root: Root, factor: int, *, blessed: bool = False) -> list[str]:
    root.run(toy_graph(str(root.data), factor=factor, at_least=0.0 if blessed else 1e6))
    return list(toy_stages.calls)


def garbage(root: Root, keep_runs: int = 1) -> list[tuple[str, str]]:
    found = find_garbage(root.storage, root.store, keep_runs=keep_runs)
    return [(item.why, "/".join(item.place.split("/")[-3:])) for item in found]


def collect(root: Root, keep_runs: int = 1) -> None:
    with root.storage.lock():
        found = find_garbage(root.storage, root.store, keep_runs=keep_runs)
        assert collect_garbage(found, root.storage, root.store) == ()


def test_only_what_neither_a_run_that_stays_nor_a_blessed_model_needs_may_go(anywhere: Root):  # noqa: F811
    run(anywhere, 2, blessed=True)  # executions 1 to 4
    run(anywhere, 3)  # train 5, judge 6, push refused 7
    run(anywhere, 4)  # train 8, judge 9
    exported, refused = ("artifact", "push/pushed/4"), ("train/model/6", "judge/blessing/7")
    found = [item for item in garbage(anywhere) if item[0] == "artifact"]
    assert found == [exported, *(("artifact", place) for place in refused)]
    assert garbage(anywhere, keep_runs=3) == []

    collect(anywhere)
    assert garbage(anywhere) == []
    assert run(anywhere, 2, blessed=True) == ["push"], "what the blessed model came from is whole"
    assert run(anywhere, 4) == [], "so is the newest run"
    assert run(anywhere, 3) == ["train", "judge"], "what is gone is made again, from what is not"


def test_nothing_is_touched_before_it_is_asked_for(local: Root):
    run(local, 2)
    run(local, 3)
    before = sorted(Path(local.storage.root).rglob("*"))
    found = find_garbage(local.storage, local.store, keep_runs=1)
    assert [item.size_bytes > 0 for item in found] == [True, True]
    assert sorted(Path(local.storage.root).rglob("*")) == before
    assert {record.state for record in local.store.artifacts()} == {ArtifactState.LIVE}


def test_killed_in_the_middle_no_run_takes_half_an_artifact(local: Root, monkeypatch: pytest.MonkeyPatch):
    run(local, 2)
    run(local, 3)

    def power_goes(self: ArtifactStorage, place: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ArtifactStorage, "remove", power_goes)
        with pytest.raises(KeyboardInterrupt):
            collect(local)
    assert run(local, 2) == ["train", "judge"]
    run(local, 3)
    collect(local)
    assert garbage(local) == []
    assert len(list((Path(local.storage.root) / "train" / "model").iterdir())) == 1


def test_what_a_killed_run_left_behind_goes_and_scratch_that_is_still_wanted_stays(local: Root):
    run(local, 2)
    unrelated = Path(local.storage.root) / "notes" / "mine" / "1"
    unrelated.mkdir(parents=True)
    with pytest.raises(Exception, match="train"):
        local.run(toy_graph(str(local.data), fail_with="bug"))
    failed = local.store.executions(local.store.runs()[0]["id"])[-1]
    published, of_another_machine = (
        Path(local.storage.root) / "train" / "model" / str(number) for number in (failed.id, failed.id + 1)
    )
    for directory in (published, of_another_machine):
        directory.mkdir()
        (directory / "half").write_text("x")
    (wanted,) = (local.storage.scratch_root / "train").iterdir()
    (local.storage.scratch_root / "train" / "old key").mkdir()
    (local.storage.downloads / "no artifact's digest").mkdir(parents=True)

    assert garbage(local, keep_runs=2) == [
        ("unrecorded", f"train/model/{failed.id}"),
        ("scratch", ".scratch/train/old key"),
        ("download", "work/.downloads/no artifact's digest"),
    ]
    collect(local, keep_runs=2)
    assert wanted.is_dir()
    assert unrelated.is_dir()
    assert not published.exists()
    assert of_another_machine.is_dir(), "an execution that the store did not know yet when it was asked"


@pytest.mark.parametrize("earlier_version", [False, True])
def test_a_copied_root_finds_and_frees_what_is_in_it_and_nothing_where_it_was_copied_from(
    tmp_path: Path, earlier_version: bool
):
    original, copy = (tmp_path / name / "work" for name in ("original", "copy"))
    original.parent.mkdir()
    root = Root(original.parent, str(original))
    run(root, 2, blessed=True)
    run(root, 3)
    root.store.close()
    if earlier_version:
        with contextlib.closing(sqlite3.connect(root.storage.metadata_path)) as connection, connection:
            connection.execute("UPDATE artifacts SET uri = ? || uri", [f"{original}/"])
    before = sorted(original.glob("*/*/[0-9]"))
    shutil.copytree(original, copy)

    root = Root(copy.parent, str(copy))
    assert run(root, 3) == []
    root.store.close()
    gc_command(copy, keep_runs=0, delete=True, as_json=False)
    assert sorted(original.glob("*/*/[0-9]")) == before
    kept = {"read/examples/1", "train/model/2", "judge/blessing/3"}
    assert {str(place.relative_to(copy)) for place in copy.glob("*/*/[0-9]")} == kept


@pytest.fixture
def two_machines(tmp_path: Path) -> Iterator[tuple[Root, Root]]:
    """One root and one store, and a working directory each."""
    machines = []
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        machine = Root(tmp_path / name, str(tmp_path / "root"))
        machine.data = tmp_path / "here" / "data.txt"
        machine.store.close()
        url = f"sqlite:///{tmp_path / 'shared.sqlite'}"
        machine.store = open_store_to_run(machine.storage.work_dir, machine.storage.root, url)
        machines.append(machine)
    yield machines[0], machines[1]
    for machine in machines:
        machine.store.close()


def test_a_root_that_is_configured_from_another_working_directory_is_not_taken_for_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    root = Root(tmp_path, "root")
    runner = LocalRunner(root.storage, root.store)
    config = json.dumps({"root": "root", "work_dir": "work"})
    for factor in (2, 3):
        runner.run(toy_graph(str(root.data), factor=factor, at_least=1e6), pipeline="toy", config=config)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"elsewhere/root: is not the root that .*work in the directory"):
        gc_command(tmp_path / "work", keep_runs=1, delete=True, as_json=False)
    monkeypatch.chdir(tmp_path)
    gc_command(tmp_path / "work", keep_runs=1, delete=True, as_json=False)
    assert len(list(Path("root/train/model").iterdir())) == 1
    root.store.close()


def test_a_copy_of_a_root_is_not_what_a_shared_database_knows(tmp_path: Path):
    original, copy = tmp_path / "original", tmp_path / "copy"
    original.mkdir()
    root = Root(original, str(original / "work"))
    root.store.close()
    url = f"sqlite:///{tmp_path / 'shared.sqlite'}"
    root.store = open_store_to_run(root.storage.work_dir, root.storage.root, url)
    run(root, 2)
    run(root, 3)
    shutil.copytree(original, copy)
    with pytest.raises(UserError, match=rf"copy/work: .*shared.sqlite knows this root as {original}/work;"):
        gc_command(copy / "work", keep_runs=1, delete=True, as_json=False)
    assert run(root, 2) == []
    gc_command(original / "work", keep_runs=1, delete=False, as_json=False)
    root.store.close()


def test_a_run_that_began_on_another_machine_meanwhile_keeps_what_it_may_have_planned_with(
    two_machines: tuple[Root, Root],
):
    here, there = two_machines
    run(here, 2)
    run(here, 3)
    found = find_garbage(here.storage, here.store, keep_runs=1)
    assert found
    begun = there.store.start_run("toy", "{}")
    with pytest.raises(
        UserError, match=rf"run {begun} is at work on this root at .*there/work since .*--gone"
    ):
        collect_garbage(found, here.storage, here.store)
    check_idle(there.store)
    there.store.finish_run(begun, State.FAILED)
    assert run(there, 2) == [], "nothing was deleted, and all of it is good for the cache"


def test_a_run_whose_machine_is_gone_can_be_given_up(
    two_machines: tuple[Root, Root], capsys: pytest.CaptureFixture[str]
):
    here, there = two_machines
    run(here, 2)
    lost = there.store.start_run("toy", "{}")
    there.store.start_execution(lost, "train", "key", {}, {})

    def gc(*gone: int) -> None:
        gc_command(here.storage.work_dir, keep_runs=3, delete=True, as_json=False, gone=gone)

    with pytest.raises(UserError, match=f"run {lost} is at work"):
        gc()
    with pytest.raises(UserError, match=rf"--gone 77: no such run .* there is {lost}"):
        gc(77)
    gc(lost)
    assert "nothing to delete" in capsys.readouterr().out
    assert here.store.runs()[0]["state"] == here.store.executions(lost)[0].state == State.FAILED
