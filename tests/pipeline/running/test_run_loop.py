"""What is tried again, what is not, and what becomes of the rest when a stage fails."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from components.core.errors import DataError, StageError, StorageError, UserError
from components.core.progress import Progress
from pipeline.artifact_storage import ArtifactStorage
from pipeline.local_runner import SILENT
from pipeline.metadata.records import State
from tests.pipeline.light_stages import LightConfig, chain, diamond
from tests.pipeline.running.conftest import Root

RETRIES = {"attempts": 3, "first_delay_s": 0.1}


class Told:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def __getattr__(self, name: str) -> object:
        return getattr(SILENT, name)

    def stage_retried(self, stage: str, error: BaseException, delay_s: float) -> None:
        self.told.append(f"{stage} again in {delay_s:g} s: {error}")

    def stage_started(self, stage: str, why: str, usual_s: float | None) -> Progress:
        self.told.append(f"{stage} started")
        return self  # type: ignore[return-value]

    def update(self, message: str, *, completed: float | None = None, total: float | None = None) -> None:
        self.told.append(f"{message}: {completed} of {total}")


@pytest.mark.parametrize("workers", [0, 1])
def test_a_transient_error_is_tried_again_with_growing_delays(root: Root, tmp_path: Path, workers: int):
    told = Told()
    flaky = LightConfig(act="flaky", notes=str(tmp_path))
    result = root.run(chain(2, stage_0=flaky), told, workers=workers, retries=RETRIES)
    assert result.state is State.COMPLETE
    assert result.stages["stage_0"].resources["attempt"] == 3
    first, second, third = map(float, (tmp_path / "stage_0").read_text().split())
    assert second - first >= 0.1
    assert third - second >= 0.2
    assert [line.partition(" (details")[0] for line in told.told if "again" in line] == [
        f"stage_0 again in {delay} s: stage_0: RuntimeError: the bucket cannot be reached"
        for delay in ("0.1", "0.2")
    ]
    assert [each.state for each in root.executions()] == [
        State.FAILED,
        State.FAILED,
        State.COMPLETE,
        State.COMPLETE,
    ]
    assert root.published() == {"stage_0/made/3", "stage_1/made/4"}


def test_it_is_not_tried_for_ever(root: Root, tmp_path: Path):
    flaky = LightConfig(act="flaky", notes=str(tmp_path))
    with pytest.raises(StageError, match="the bucket cannot be reached"):
        root.run(chain(1, stage_0=flaky), workers=0, retries={**RETRIES, "attempts": 2})
    assert len((tmp_path / "stage_0").read_text().split()) == 2


def test_any_failure_of_a_stage_that_is_marked_is_tried_again_but_no_mistake(root: Root, tmp_path: Path):
    retries = {**RETRIES, "stages": ["stage_0"]}
    with pytest.raises(StageError, match="ZeroDivisionError"):
        root.run(chain(1, stage_0=LightConfig(act="bug")), workers=0, retries=retries)
    assert len(root.executions()) == 3
    with pytest.raises(StageError, match="killed by SIGKILL"):
        root.run(chain(1, stage_0=LightConfig(act="killed")), workers=1, retries=retries)
    assert len(root.executions()) == 3
    with pytest.raises(DataError, match=r"^stage_0: the file is empty"):
        root.run(
            chain(1, stage_0=LightConfig(act="mistake", notes=str(tmp_path))), workers=0, retries=retries
        )
    assert (tmp_path / "stage_0").read_text() == "called\n"


def test_what_is_at_work_when_a_stage_fails_is_finished_and_kept(root: Root):
    acts = {"stage_1": LightConfig(act="bug"), "stage_2": LightConfig(seconds=1.5)}
    with pytest.raises(StageError, match="stage_1: ZeroDivisionError"):
        root.run(diamond(**acts), workers=2)
    assert {each.stage: each.state for each in root.executions()}["stage_2"] is State.COMPLETE


def test_a_store_that_does_not_answer_before_a_stage_begins_is_asked_again(
    root: Root, monkeypatch: pytest.MonkeyPatch
):
    asked: list[str] = []
    require_free = root.storage.require_free

    def answer_the_second_time(stage: str, outputs: Iterable[str], execution_id: int) -> None:
        asked.append(stage)
        if asked.count("stage_2") == 1 and stage == "stage_2":
            raise ConnectionError("503")
        require_free(stage, outputs, execution_id)

    monkeypatch.setattr(root.storage, "require_free", answer_the_second_time)
    told = Told()
    result = root.run(diamond(stage_1=LightConfig(seconds=0.5)), told, workers=2, retries=RETRIES)
    assert result.state is State.COMPLETE
    assert "stage_2 again in 0.1 s: 503" in told.told
    states = [(each.stage, each.state) for each in root.executions()]
    assert [state for stage, state in states if stage == "stage_2"] == [State.FAILED, State.COMPLETE]
    assert ("stage_1", State.COMPLETE) in states


def test_what_is_at_work_when_a_place_is_taken_is_finished_and_kept(root: Root):
    root.run(chain(1), workers=0)
    (Path(root.storage.root) / "stage_2" / "made" / "4").mkdir(parents=True)
    with pytest.raises(StorageError, match="stage_2/made/4: exists already"):
        root.run(diamond(stage_1=LightConfig(seconds=1.5)), workers=2)
    states = {each.stage: each.state for each in root.executions()}
    assert (states["stage_1"], states["stage_2"]) == (State.COMPLETE, State.FAILED)


@pytest.mark.parametrize("workers", [0, 1])
def test_progress_comes_through(root: Root, workers: int):
    told = Told()
    root.run(chain(2, stage_0=LightConfig(files=3)), told, workers=workers)
    assert told.told[0] == "stage_0 started"
    assert "part 2: 3 of 3" in told.told


def test_what_a_killed_run_published_without_a_record_is_taken_back(root: Root):
    root.run(chain(1), workers=0)
    graph = chain(2)
    run_id = root.store.start_run("light", "{}")
    execution = root.store.start_execution(run_id, "stage_1", "key", {}, {})
    orphan = Path(root.storage.root) / "stage_1" / "made" / str(execution)
    orphan.mkdir(parents=True)
    (orphan / "part-0").write_text("whole, but nobody knows it")
    root.run(graph, workers=0)
    assert not orphan.exists()
    assert root.published() == {"stage_0/made/1", "stage_1/made/4"}


HOLDER = """
import sys, time
from pipeline.artifact_storage import ArtifactStorage
with ArtifactStorage(sys.argv[1]).lock():
    print("holds", flush=True)
    sys.stdin.read()
"""


def test_a_second_run_waits_if_it_is_told_to(root: Root):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, root.storage.root],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(UserError, match=rf"\(process {other.pid}\).*--wait"):
            root.run(chain(1), workers=0)
        told: list[str] = []

        def end_the_other(why: str) -> None:
            told.append(why)
            other.stdin.close()

        with ArtifactStorage(root.storage.root).lock(on_wait=end_the_other):
            assert told == [f"another run is at work in {root.storage.root} (process {other.pid})"]
    assert root.run(chain(1), workers=0).state is State.COMPLETE
