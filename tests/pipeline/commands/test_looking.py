"""Commands that look at what ran leave nothing behind, whether something ran or not."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from components.core.errors import UserError
from pipeline.cli import app
from pipeline.metadata.location import STORE_FILE
from pipeline.ui.application import application
from pipeline.ui.views import Roots
from tests.pipeline.test_local_runner import Root

COMMANDS = (
    "inspect runs",
    "inspect run 1",
    "inspect artifacts",
    "inspect artifact train/model/2",
    "inspect lineage train/model/2",
    "explain-cache trainer",
    "explain-cache all --json",
    "gc",
    "gc --keep-runs 0 --json",
    "compare 1 2",
)
PAGES = ("/", "/runs/work", "/runs/work/1", "/lineage/work/2", "/compare/work?run=1&run=2")


def below(directory: Path) -> dict[str, bytes]:
    """Every file and directory with its content; the database's own is SQLite's affair."""
    return {
        path.relative_to(directory).as_posix(): b""
        if path.is_dir() or path.name == STORE_FILE
        else path.read_bytes()
        for path in directory.rglob("*")
    }


@pytest.fixture(params=["nothing ran", "something ran"])
def workspace(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a configuration, whose root is `runs/work`, in which a graph of toy stages has run or not."""
    monkeypatch.chdir(tmp_path)
    document = {"name": "work", "example_gen": {"source": "data.txt", "format": "csv"}}
    document["transform"] = {"encoder": "tiny-random"}
    (tmp_path / "emotion.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    (tmp_path / "data.txt").write_text("3")
    if request.param == "something ran":
        (tmp_path / "runs").mkdir()
        root = Root(tmp_path / "runs")
        for number in ("3", "4"):
            root.data.write_text(number)
            root.run()
        root.store.close()
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_looks_creates_nothing(workspace: Path, command: str):
    before = below(workspace)
    done = CliRunner().invoke(app, command.split())
    assert below(workspace) == before
    assert done.exception is None or isinstance(done.exception, UserError)


def test_the_pages_create_nothing(workspace: Path):
    from starlette.testclient import TestClient

    before = below(workspace)
    with TestClient(application(Roots((), Path("runs")), hosts=("*",))) as browser:
        answers = [browser.get(page).status_code for page in PAGES]
    assert set(answers) <= {200, 404}
    assert below(workspace) == before


LOOK = """
import sys
from typer.testing import CliRunner
from pipeline.cli import app
for command in sys.argv[1:]:
    done = CliRunner().invoke(app, command.split(), catch_exceptions=False)
    assert done.exit_code == 0, (command, done.output)
"""


@pytest.mark.parametrize("at_work", [True, False])
def test_who_may_only_read_looks_too(tmp_path: Path, at_work: bool):
    root = Root(tmp_path, str(tmp_path / "work"))
    for number in ("3", "4"):
        root.data.write_text(number)
        root.run()
    shutil.rmtree(tmp_path / "work" / ".verified")
    if not at_work:
        root.store.close()
    commands = [
        f"{command} --root {tmp_path / 'work'}" for command in COMMANDS if command[:2] in ("in", "gc")
    ]
    with _read_only(tmp_path / "work"):
        subprocess.run([*_UNPRIVILEGED, sys.executable, "-c", LOOK, *commands], check=True)
    root.store.close()


_UNPRIVILEGED = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
"""Before a command: root may write everywhere."""


@contextmanager
def _read_only(directory: Path) -> Iterator[None]:
    places = [directory, *directory.rglob("*")]
    before = {place: place.stat().st_mode for place in places}
    for place, mode in before.items():
        place.chmod(mode & ~0o222)
    yield
    for place, mode in before.items():
        place.chmod(mode)
