import itertools
import multiprocessing
import os
import shutil
import signal
from collections.abc import Collection, Iterator
from pathlib import Path

import fsspec
import pytest

from components.core.atomic_files import write_file
from components.core.errors import DataError, StageError, StoppedError, StorageError, UserError
from components.core.filesystem import read_file
from pipeline.artifact_storage import ArtifactStorage
from pipeline.graph import Graph
from pipeline.local_runner import SILENT, LocalRunner, RunResult
from pipeline.metadata.location import open_store, open_store_to_run
from pipeline.metadata.records import State
from pipeline.metadata.store import MetadataStore
from tests.pipeline import toy_stages
from tests.pipeline.toy_stages import toy_graph

_bucket = itertools.count()


class Root:
    """A pipeline root with one number as its data."""

    def __init__(self, directory: Path, root: str | None = None) -> None:
        self.data = directory / "data.txt"
        self.data.write_text("3")
        self.storage = ArtifactStorage(root or str(directory / "root"), str(directory / "work"))
        self.storage.prepare()
        self.store = MetadataStore(self.storage.metadata_path)

    def run(
        self, graph: Graph | None = None, *, use_cache: bool = True, rerun: Collection[str] = ()
    ) -> RunResult:
        toy_stages.calls.clear()
        runner = LocalRunner(self.storage, self.store, use_cache=use_cache, rerun=rerun)
        return runner.run(graph or toy_graph(str(self.data)), pipeline="toy", config="{}")


@pytest.fixture(params=["local", "remote"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Root]:
    remote = f"memory://runner-{next(_bucket)}/root" if request.param == "remote" else None
    root = Root(tmp_path, remote)
    yield root
    root.store.close()


def test_a_run_publishes_every_output(root: Root):
    result = root.run()
    assert result.state is State.COMPLETE
    assert toy_stages.calls == ["read", "train", "judge", "push"]
    assert result.stages["train"].outputs["model"].config_path.read_text() == "6.0"
    assert result.stages["train"].summary == {"value": 6.0, "attempts": 1}
    assert result.stages["train"].peak_memory_mib > 1


def test_an_unchanged_rerun_executes_nothing(root: Root):
    first = root.run()
    second = root.run()
    assert toy_stages.calls == []
    assert {stage.state for stage in second.stages.values()} == {State.CACHED}
    assert second.stages["train"].outputs == first.stages["train"].outputs
    assert second.stages["train"].summary == {"value": 6.0, "attempts": 1}


def test_a_changed_setting_reruns_its_stage_and_what_depends_on_it(root: Root):
    root.run()
    result = root.run(toy_graph(str(root.data), factor=5))
    assert toy_stages.calls == ["train", "judge", "push"]
    assert result.stages["train"].message == "config factor: 2 -> 5"


def test_changed_data_rerun_and_equal_outputs_stop_the_ripple(root: Root):
    root.run()
    root.data.write_text("3 \n")
    result = root.run()
    assert toy_stages.calls == ["read"]
    assert "file path changed" in result.stages["read"].message


def test_without_cache_everything_runs(root: Root):
    root.run()
    root.run(use_cache=False)
    assert toy_stages.calls == ["read", "train", "judge", "push"]


def test_a_deleted_artifact_is_rebuilt(root: Root):
    result = root.run()
    shutil.rmtree(result.stages["train"].outputs["model"].path)
    if "://" in root.storage.root:
        fsspec.filesystem("memory").rm(root.storage.root.removeprefix("memory:/") + "/train", recursive=True)
    again = root.run()
    assert toy_stages.calls == ["train"]
    assert again.stages["train"].outputs["model"].config_path.read_text() == "6.0"


def test_a_gate_that_refuses_keeps_the_stage_from_running(root: Root):
    result = root.run(toy_graph(str(root.data), at_least=100.0))
    assert result.state is State.REFUSED
    assert toy_stages.calls == ["read", "train", "judge"]
    assert result.stages["push"].state is State.REFUSED
    assert result.refusals == ("not blessed: value 6.0 is below 100.0",)
    assert root.store.runs()[0]["state"] == "REFUSED"


def test_the_baseline_is_the_last_blessed_model_and_never_the_candidate(root: Root):
    assert root.run().stages["judge"].summary == {"baseline": None}
    root.run(toy_graph(str(root.data), factor=1, at_least=100.0))
    assert root.run(toy_graph(str(root.data), factor=4)).stages["judge"].summary == {"baseline": 6.0}
    assert root.run(toy_graph(str(root.data), factor=4)).stages["judge"].state is State.CACHED


@pytest.mark.parametrize(
    ("fail_with", "error", "message"),
    [
        ("disk", StorageError, "train: the disk is full; free some space"),
        ("bug", StageError, "train: ZeroDivisionError: division by zero"),
    ],
)
def test_a_failure_is_recorded_and_leaves_nothing_half_written(
    root: Root, fail_with: str, error: type[Exception], message: str
):
    with pytest.raises(error, match=message):
        root.run(toy_graph(str(root.data), fail_with=fail_with))
    run = root.store.runs()[0]
    assert run["state"] == "FAILED"
    failed = root.store.executions(run["id"])[-1]
    assert (failed.stage, failed.state) == ("train", State.FAILED)
    assert not list((root.storage.work_dir / ".staging").iterdir())
    assert not (Path(root.storage.root) / "train").exists()

    root.run()
    assert toy_stages.calls == ["train", "judge", "push"], "what was finished before the failure is kept"


def test_a_users_mistake_keeps_its_kind_and_names_the_stage(root: Root):
    root.data.write_text("")
    with pytest.raises(DataError, match=r"^read: .*data\.txt: is empty; add rows$"):
        root.run()


def test_ctrl_c_is_recorded_as_canceled(root: Root):
    with pytest.raises(KeyboardInterrupt):
        root.run(toy_graph(str(root.data), fail_with="ctrl-c"))
    assert root.store.runs()[0]["state"] == "CANCELED"
    assert root.run().state is State.COMPLETE


def test_a_stopped_stage_finds_its_scratch_again(root: Root):
    graph = toy_graph(str(root.data), fail_with="stopped once")
    with pytest.raises(StoppedError, match=r"^train: saved$"):
        root.run(graph)
    run = root.store.runs()[0]
    assert run["state"] == "CANCELED"
    assert root.store.executions(run["id"])[-1].state is State.CANCELED

    assert root.run(graph).stages["train"].summary["attempts"] == 2
    assert not (root.storage.work_dir / ".scratch" / "train").exists()


def test_a_failed_stage_finds_its_scratch_again_but_not_that_of_other_data_or_settings(root: Root):
    graph = toy_graph(str(root.data), fail_with="bug")
    for _ in range(2):
        with pytest.raises(StageError):
            root.run(graph)
    scratch = root.storage.work_dir / ".scratch" / "train"
    assert [len(file.read_text()) for file in scratch.glob("*/attempts")] == [2]

    root.data.write_text("4")
    with pytest.raises(StageError):
        root.run(graph)
    assert sorted(len(file.read_text()) for file in scratch.glob("*/attempts")) == [1, 2]

    assert root.run(toy_graph(str(root.data))).stages["train"].summary["attempts"] == 1
    assert not scratch.exists()


def test_without_cache_a_stage_begins_with_empty_scratch(root: Root):
    graph = toy_graph(str(root.data), fail_with="stopped once")
    for _ in range(2):
        with pytest.raises(StoppedError):
            root.run(graph, use_cache=False)


def test_data_that_were_moved_are_the_same_data(root: Root, tmp_path: Path):
    root.run()
    (tmp_path / "elsewhere").mkdir()
    moved = root.data.rename(tmp_path / "elsewhere" / "data.txt")
    root.run(toy_graph(str(moved)))
    assert toy_stages.calls == []
    moved.write_text("4")
    root.run(toy_graph(str(moved)))
    assert toy_stages.calls == ["read", "train", "judge", "push"]


def test_a_second_run_on_the_same_root_is_told_to_wait(tmp_path: Path):
    root = Root(tmp_path)
    other = ArtifactStorage(str(tmp_path / "root"), str(tmp_path / "work"))
    root.storage.run_log.write_text("of the one at work")
    with other.lock(), pytest.raises(UserError, match="another run is at work here"):
        root.run()
    assert root.storage.run_log.read_text() == "of the one at work"
    assert root.run().state is State.COMPLETE
    assert root.storage.run_log.read_text() == ""
    root.store.close()


def test_wait_is_for_machines_that_share_the_store_too(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'shared.sqlite'}"
    root = Root(tmp_path)
    here, there = (MetadataStore(url, root=root.storage.root, owner=owner) for owner in ("here", "there"))
    begun = there.start_run("toy", "{}")

    class Waiting(type(SILENT)):
        said = ""

        def run_waits(self, why: str) -> None:
            self.said = why
            there.finish_run(begun, State.COMPLETE)

    observer = Waiting()
    runner = LocalRunner(root.storage, here, wait=True)
    result = runner.run(toy_graph(str(root.data)), pipeline="toy", config="{}", observer=observer)
    assert result.state is State.COMPLETE
    assert observer.said.startswith(f"run {begun} is at work on this root at there;")
    for store in (here, there, root.store):
        store.close()


def test_two_stores_never_keep_account_of_one_root(root: Root, tmp_path: Path):
    root.run()
    (tmp_path / "other").mkdir()
    other = Root(tmp_path / "other", root.storage.root)
    with pytest.raises(
        UserError, match=r"another metadata store keeps account .*work/metadata.sqlite on .*`metadata`"
    ):
        other.run()
    assert other.store.runs() == []
    other.store.close()
    assert root.run().state is State.COMPLETE


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("shared_first", [True, False])
def test_a_root_stays_with_the_store_that_it_began_with(tmp_path: Path, shared_first: bool, marked: bool):
    urls = [f"sqlite:///{tmp_path / 'shared.sqlite'}", None]
    first, second = urls if shared_first else urls[::-1]
    root = Root(tmp_path, str(tmp_path / "work"))
    root.store.close()
    root.store = open_store_to_run(root.storage.work_dir, root.storage.root, first)
    root.run()
    root.store.close()
    if not marked:  # a root of an earlier version
        (tmp_path / "work" / ".metadata-store.json").unlink()
    before = {path: path.read_bytes() for path in tmp_path.glob("work/*/*/[0-9]/*")}

    root.store = open_store_to_run(root.storage.work_dir, root.storage.root, second)
    with pytest.raises(UserError, match="another metadata store keeps account of what is here"):
        root.run(use_cache=False)
    root.store.close()
    assert {path: path.read_bytes() for path in tmp_path.glob("work/*/*/[0-9]/*")} == before
    found = open_store(root.storage.work_dir)
    assert [run["state"] for run in found.runs()] == ["COMPLETE"], "and later commands find it"
    found.close()


def test_a_root_of_an_earlier_version_that_was_moved_stays_with_its_shared_database(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'shared.sqlite'}"
    root = Root(tmp_path, str(tmp_path / "work"))
    root.store.close()
    root.store = open_store_to_run(root.storage.work_dir, root.storage.root, url)
    root.run()
    root.store.close()
    (tmp_path / "work" / ".metadata-store.json").unlink()
    moved = (tmp_path / "work").rename(tmp_path / "moved")

    root.storage = ArtifactStorage(str(moved))
    root.store = open_store_to_run(moved, root.storage.root, url)
    assert root.run().state is State.COMPLETE
    assert {path.name for path in (moved / "train" / "model").iterdir()} == {"2", "6"}
    root.store.close()


def test_what_was_in_the_place_of_an_artifact_before_is_neither_overwritten_nor_taken_back(root: Root):
    root.run()
    last = root.store.all_executions()[-1].id
    place = f"{root.storage.root}/read/examples/{last + 1}"
    write_file(f"{place}/of another history", b"content")
    with pytest.raises(StorageError, match="exists already, though the metadata store knows nothing of it"):
        root.run(use_cache=False)
    assert read_file(f"{place}/of another history") == b"content"
    assert [execution.state for execution in root.store.executions(2)] == [State.FAILED]


def _killed_while_training(directory: Path) -> None:
    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    root = Root(directory)
    graph = toy_graph(str(root.data))
    train = graph.nodes["train"].component
    original = train.function
    train.function = lambda **arguments: (original(**arguments), die())
    root.run(graph)


def test_kill_9_in_a_stage_leaves_the_root_usable(tmp_path: Path):
    process = multiprocessing.get_context("spawn").Process(target=_killed_while_training, args=(tmp_path,))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL

    root = Root(tmp_path)
    result = root.run()
    assert toy_stages.calls == ["train", "judge", "push"]
    assert result.state is State.COMPLETE
    killed = root.store.executions(1)[-1]
    assert (killed.stage, killed.state, killed.error) == ("train", State.FAILED, "interrupted")
    assert not (root.storage.work_dir / ".staging").exists() or not list(
        (root.storage.work_dir / ".staging").iterdir()
    )
    root.store.close()


def test_no_write_permission_is_a_clear_error(tmp_path: Path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(UserError, match="cannot make this directory"):
        ArtifactStorage(str(blocked / "root")).prepare()


def test_a_remote_root_needs_a_local_work_dir():
    with pytest.raises(UserError, match="set `work_dir` to a local directory"):
        ArtifactStorage("gs://bucket/root")
