"""`emotion gc` keeps what somebody may need, and a later run makes again what is gone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from components.core.errors import UserError
from pipeline.artifact_storage import ArtifactStorage
from pipeline.garbage import check_idle, collect_garbage, find_garbage
from pipeline.metadata.records import ArtifactState
from pipeline.metadata.store import MetadataStore
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
    published = Path(local.storage.root) / "train" / "model" / "77"
    published.mkdir()
    (published / "half").write_text("x")
    unrelated = Path(local.storage.root) / "notes" / "mine" / "1"
    unrelated.mkdir(parents=True)
    with pytest.raises(Exception, match="train"):
        local.run(toy_graph(str(local.data), fail_with="bug"))
    (wanted,) = (local.storage.scratch_root / "train").iterdir()
    (local.storage.scratch_root / "train" / "old key").mkdir()
    (local.storage.downloads / "no artifact's digest").mkdir(parents=True)

    assert garbage(local, keep_runs=2) == [
        ("unrecorded", "train/model/77"),
        ("scratch", ".scratch/train/old key"),
        ("download", "work/.downloads/no artifact's digest"),
    ]
    collect(local, keep_runs=2)
    assert wanted.is_dir()
    assert unrelated.is_dir()
    assert not published.exists()


def test_a_run_on_another_machine_that_shares_the_store_is_waited_for(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'shared.sqlite'}"
    there, here = (MetadataStore(url, root="gs://r", owner=owner) for owner in ("there:/w", "here:/w"))
    run_id = there.start_run("toy", "{}")
    with pytest.raises(UserError, match=f"run {run_id} is at work on this root at there:/w"):
        check_idle(here)
    check_idle(there)
    for store in (here, there):
        store.close()
