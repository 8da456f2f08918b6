"""Stages in worker processes: side by side, bounded, and never left behind."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from components.core.errors import GraphError, StageError, StoppedError
from pipeline.metadata.records import State
from pipeline.running.results import RunResult
from tests.pipeline import light_stages
from tests.pipeline.light_stages import LightConfig, chain, diamond
from tests.pipeline.running.conftest import Root


def processes(result: RunResult) -> list[object]:
    return [stage.summary["process"] for stage in result.stages.values()]


def wait_for(path: Path, lines: int = 1) -> list[str]:
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        if path.exists() and len(found := path.read_text().split()) >= lines:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{path} did not get {lines} lines")


def has_ended(process: int) -> bool:
    """Whether the process is gone, or dead and only not yet waited for by whoever adopted it."""
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_a_worker_is_used_again_and_the_run_is_the_same_as_in_this_process(root: Root, tmp_path: Path):
    result = root.run(diamond(), workers=1)
    assert len(set(processes(result))) == 1
    assert os.getpid() not in processes(result)
    in_process = Root(tmp_path / "other")
    expected = in_process.run(diamond(), workers=0)
    assert set(processes(expected)) == {os.getpid()}
    assert [each.digests for each in result.stages.values()] == [
        each.digests for each in expected.stages.values()
    ]
    assert [each.fingerprint for each in root.executions()] == [
        each.fingerprint for each in in_process.executions()
    ]
    in_process.store.close()


def test_stages_that_do_not_need_each_other_run_side_by_side(root: Root):
    slow = LightConfig(seconds=1.0)
    result = root.run(diamond(stage_1=slow, stage_2=slow), workers=2)
    assert list(result.stages) == ["stage_0", "stage_1", "stage_2", "stage_3"]
    assert len(set(processes(result))) == 2
    first, second = (result.stages[name].summary["process"] for name in ("stage_1", "stage_2"))
    assert first != second


def test_a_cached_run_starts_no_worker(root: Root, monkeypatch: pytest.MonkeyPatch):
    root.run(diamond(), workers=2)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a worker was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    result = root.run(diamond(), workers=2)
    assert {stage.state for stage in result.stages.values()} == {State.CACHED}


@pytest.mark.parametrize(
    ("act", "said"),
    [
        ("killed", "stage_1: its process was killed by SIGKILL: by someone, or for lack of memory"),
        ("crash", "stage_1: its process crashed (SIGSEGV)"),
        ("exit", "stage_1: its process ended with exit code 3 before the stage did"),
    ],
)
def test_a_worker_that_dies_fails_its_stage_only(root: Root, act: str, said: str):
    with pytest.raises(StageError) as failed:
        root.run(diamond(stage_1=LightConfig(act=act)), workers=2)
    assert said in str(failed.value)
    log = root.storage.log_path(1, "stage_1")
    assert str(failed.value).endswith(f"(details in {log})")
    if act == "crash":
        assert "Fatal Python error: Segmentation fault" in log.read_text()
    states = {execution.stage: execution.state for execution in root.executions()}
    assert states == {"stage_0": State.COMPLETE, "stage_1": State.FAILED, "stage_2": State.COMPLETE}
    assert not list((root.storage.work_dir / ".staging").iterdir())

    again = root.run(diamond(), workers=2)
    assert again.state is State.COMPLETE
    assert again.stages["stage_2"].state is State.CACHED


def test_a_stage_that_takes_too_long_is_killed_with_its_children(root: Root, tmp_path: Path):
    hangs = LightConfig(act="child", notes=str(tmp_path))
    with pytest.raises(
        StageError, match=r"stage_1: took longer than 6 s .* raise `runner\.timeouts\.stage_1`"
    ):
        root.run(chain(2, stage_1=hangs), workers=1, timeouts={"stage_1": 6})
    assert root.executions()[-1].state is State.FAILED
    assert all(map(has_ended, map(int, wait_for(tmp_path / "processes", 2))))


def test_a_stage_that_holds_too_much_is_killed(root: Root):
    with pytest.raises(StageError, match=r"stage_0: held [\d,]+ MiB and was stopped, .*`runner\.memory_mib`"):
        root.run(chain(1, stage_0=LightConfig(act="hold memory", seconds=60)), workers=1, memory_mib=200)
    assert root.executions()[-1].resources["peak_memory_mib"] > 200


def test_memory_is_that_of_the_stage_and_not_of_those_before_it(root: Root):
    result = root.run(chain(3, stage_1=LightConfig(act="hold memory")), workers=1)
    before, large, after = (stage.peak_memory_mib for stage in result.stages.values())
    assert large > 300 > max(before, after)
    assert len(set(processes(result))) == 1
    recorded = root.executions()[1].resources
    assert recorded["peak_memory_mib"] == large
    assert recorded["cpu_s"] > 0


@pytest.mark.parametrize("is_near", [True, False], ids=["in the root", "root of a long path"])
def test_what_a_stage_leaves_in_its_temporary_directory_goes_with_the_run(tmp_path: Path, is_near: bool):
    with tempfile.TemporaryDirectory() as short:
        root = Root(Path(short) if is_near else tmp_path / ("long" * 20))
        root.run(chain(1, stage_0=LightConfig(act="leave", notes=str(tmp_path))), workers=1)
        (left,) = map(Path, (tmp_path / "left").read_text().split())
        root.store.close()
        assert left.is_relative_to(root.storage.temporary) == is_near
        assert not left.parent.exists()


def test_what_a_stage_writes_is_in_its_log(root: Root):
    result = root.run(chain(2, stage_0=LightConfig(act="chatter")), workers=1)
    text = result.stages["stage_0"].log.read_text()
    assert "told to stdout" in text
    assert "told by C++" in text
    assert "told" not in result.stages["stage_1"].log.read_text()
    assert root.run(chain(2, stage_0=LightConfig(act="chatter"))).stages[
        "stage_0"
    ].log == root.storage.log_path(1, "stage_0")


def test_a_stage_of_the_program_itself_runs_in_it_unless_that_would_break_a_limit(
    root: Root, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(light_stages.STAGES[1], "__module__", "__main__")
    first, second, third = processes(root.run(chain(3), workers=1))
    assert first == third != second == os.getpid()
    with pytest.raises(
        GraphError, match=r"stage_1 is defined where no worker .* leave out `runner\.timeouts`"
    ):
        root.run(chain(3, stage_1=LightConfig(files=2)), workers=1, timeouts={"stage_1": 60})
    assert root.executions()[-1].state is State.FAILED


PROGRAM = """
import sys
from pathlib import Path
from components.core.errors import StoppedError
from pipeline.commands.run import _stoppable
from tests.pipeline.light_stages import LightConfig, diamond
from tests.pipeline.running.conftest import Root

_, directory, left, right = sys.argv
acts = {"stage_1": LightConfig(act=left, notes=directory), "stage_2": LightConfig(act=right, notes=directory)}
try:
    with _stoppable():
        Root(Path(directory) / "root").run(diamond(**acts), workers=2, stop_within_s=10)
except StoppedError as err:
    print(err)
    sys.exit(75)
"""


def start(directory: Path, left: str, right: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(directory), left, right],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


@pytest.mark.parametrize(
    ("left", "right", "said"),
    [("wait", "save", "stage_2: saved"), ("child", "wait", "finished stages are kept")],
)
def test_a_signal_stops_all_stages_and_lets_them_save(tmp_path: Path, left: str, right: str, said: str):
    with start(tmp_path, left, right) as run:
        if left == "child":
            wait_for(tmp_path / "processes", 2)
        wait_for(tmp_path / "ready", 2 if left == "wait" else 1)
        run.send_signal(signal.SIGTERM)
        told, _ = run.communicate(timeout=60)
    assert (run.returncode, told.strip()) == (75, said)
    root = Root(tmp_path / "root")
    assert root.store.runs()[0]["state"] == "CANCELED"
    assert [each.state for each in root.executions()[1:]] == [State.CANCELED, State.CANCELED]
    assert root.published() == {"stage_0/made/1"}
    assert root.run(diamond(), workers=0).stages["stage_0"].state is State.CACHED
    root.store.close()


def test_kill_9_of_the_runner_takes_the_workers_and_their_children_with_it(tmp_path: Path):
    with start(tmp_path, "child", "wait") as run:
        left = [int(process) for process in wait_for(tmp_path / "processes", 2)]
        wait_for(tmp_path / "ready")
        run.kill()
        # Begins at once: it waits for the orphans, which hold the root until they are dead.
        root = Root(tmp_path / "root")
        result = root.run(diamond(), workers=0)
        assert all(map(has_ended, left))
    assert result.state is State.COMPLETE
    assert [each.error for each in root.store.executions(1)[1:]] == ["interrupted", "interrupted"]
    root.store.close()


def test_a_worker_that_someone_terminates_stops_the_run(root: Root, tmp_path: Path):
    def terminate() -> None:
        wait_for(tmp_path / "ready")
        (worker,) = [
            int(child)
            for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
            if b"pipeline.running.worker" in Path(f"/proc/{child}/cmdline").read_bytes()
        ]
        os.kill(worker, signal.SIGTERM)

    supervisor = threading.Thread(target=terminate)
    supervisor.start()
    with pytest.raises(StoppedError, match="stage_0: saved"):
        root.run(chain(1, stage_0=LightConfig(act="save", notes=str(tmp_path))), workers=1)
    supervisor.join()
    assert root.store.runs()[0]["state"] == "CANCELED"
