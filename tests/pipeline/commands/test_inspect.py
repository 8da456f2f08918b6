"""`emotion inspect runs`: what ran, newest first, and that there was more."""

import json
import os
import shutil
from pathlib import Path

import pytest

from pipeline.commands.inspect import InspectOptions, inspect_command
from pipeline.commands.roots import newest_root
from pipeline.metadata.location import STORE_FILE
from pipeline.metadata.records import State
from pipeline.metadata.store import MetadataStore


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    """Three runs; the last one was refused after its evaluator."""
    store = MetadataStore(tmp_path / STORE_FILE)
    for number in range(3):
        run = store.start_run("reviews", "{}")
        for stage, summary in (
            ("trainer", {"epochs": 3}),
            ("evaluator", {"macro_f1": 0.5 + number / 100, "blessed": number < 2}),
        ):
            execution = store.start_execution(run, stage, "key", {}, {})
            told = {"outputs": {}, "summary": summary, "seconds": 1.5, "peak_memory_mib": 10.0}
            store.complete_execution(execution, **told)
        if number == 2:
            store.record_refused(run, "pusher", "not blessed")
        store.finish_run(run, State.REFUSED if number == 2 else State.COMPLETE)
    store.close()
    return tmp_path


def test_the_newest_runs_with_their_stages_and_figures(work_dir: Path, capsys: pytest.CaptureFixture[str]):
    inspect_command("runs", None, InspectOptions(root=work_dir, limit=2, as_json=True))
    newest, before = json.loads(capsys.readouterr().out)
    assert (newest["id"], newest["state"], newest["stages"]) == (3, "REFUSED", {"complete": 2, "refused": 1})
    assert newest["quality"] == {"macro_f1": 0.52, "blessed": False}
    assert (before["id"], before["quality"]["blessed"]) == (2, True)


def test_a_list_that_was_cut_says_so(work_dir: Path, capsys: pytest.CaptureFixture[str]):
    inspect_command("runs", None, InspectOptions(root=work_dir, limit=2))
    assert capsys.readouterr().out.endswith("and 1 earlier; --limit 3 shows all\n")
    inspect_command("runs", None, InspectOptions(root=work_dir, limit=3))
    assert "earlier" not in capsys.readouterr().out


def test_a_run_says_whose_it_is_and_when(work_dir: Path, capsys: pytest.CaptureFixture[str]):
    inspect_command("run", None, InspectOptions(root=work_dir))
    assert capsys.readouterr().out.startswith(f"{work_dir}: run 3, refused, started 20")


def test_other_roots_are_named_where_none_was_given(
    work_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    for name in ("older", "newer"):
        directory = tmp_path / "runs" / name
        directory.mkdir(parents=True)
        shutil.copy(work_dir / STORE_FILE, directory)
        os.utime(directory / STORE_FILE, (1.0, 1.0 if name == "older" else 2.0))
    inspect_command("runs", None, InspectOptions())
    assert capsys.readouterr().out.startswith("runs/newer (--root for runs/older)\n")
    inspect_command("runs", None, InspectOptions(root=Path("runs/older")))
    assert capsys.readouterr().out.startswith("runs/older\n")


def test_the_newest_root_is_that_of_the_run_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    stores = []
    for number, name in enumerate(("at_work", "over")):
        directory = tmp_path / "runs" / name
        directory.mkdir(parents=True)
        stores.append(MetadataStore(directory / STORE_FILE))
        stores[-1].start_run("reviews", "{}")
        for file in directory.iterdir():
            os.utime(file, (1.0, 1.0 + number))
    stores[0].start_run("reviews", "{}")
    assert newest_root(None) == Path("runs/at_work")
    for store in stores:
        store.close()
