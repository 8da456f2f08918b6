"""`--if-new-data` and `explain-cache` look into the store that a run would use."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from components.core.errors import UserError
from pipeline.commands.explain_cache import explain_cache_command
from pipeline.commands.retrain import without_new_data
from pipeline.config import load_config
from pipeline.metadata.location import open_store_to_run
from pipeline.metadata.records import State

CONFIG = """
name: toy
root: root
work_dir: here
metadata: {url}
example_gen: {{source: texts.csv}}
transform: {{encoder: tiny-random}}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration with a database, by which another machine has run but this one has not."""
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path / 'shared.sqlite'}"
    Path("texts.csv").write_text("text,labels\nGood.,joy\n")
    Path("emotion.yaml").write_text(CONFIG.format(url=url))
    there = open_store_to_run(tmp_path / "there", str(tmp_path / "root"), url)
    run = there.start_run("toy", "{}")
    there.record_refused(run, "trainer", "the data do not pass")
    there.finish_run(run, State.REFUSED)
    there.close()
    return tmp_path / "emotion.yaml"


def test_new_are_data_that_no_machine_has_seen(config: Path, capsys: pytest.CaptureFixture[str]):
    assert without_new_data(load_config(config), Console(width=200))
    assert capsys.readouterr().out.startswith("no new data since run 1 (")


def test_the_cache_is_that_of_all_machines(config: Path, capsys: pytest.CaptureFixture[str]):
    explain_cache_command("example_gen", config, as_json=True)
    assert json.loads(capsys.readouterr().out)["outcome"] == "RUNS"


def test_without_a_database_nothing_has_run_in_a_new_working_directory(config: Path):
    config.write_text(config.read_text().replace("metadata:", "# metadata:"))
    assert not without_new_data(load_config(config), Console())
    with pytest.raises(UserError, match="here: nothing has run there yet"):
        explain_cache_command("example_gen", config, as_json=True)
    assert not Path("here").exists()
