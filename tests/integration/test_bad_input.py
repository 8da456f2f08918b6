"""A mistake of the user costs one clear line and exit code 2, and leaves nothing half-written."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import Workspace

GOOD_ROW = json.dumps({"id": "1", "text": "so happy today", "labels": ["joy"], "register": "chat"})


def assert_refused(workspace: Workspace, *said: str, command: str = "validate") -> None:
    done = workspace.emotion(command, "emotion.yaml")
    assert done.returncode == 2, done.stdout + done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    for words in said:
        assert words in lines[0], lines[0]
    assert not list(workspace.directory.glob("root/example_gen"))
    assert not list(workspace.directory.glob("root/.staging/*"))


def test_a_missing_file(empty: Workspace):
    assert_refused(empty, "texts.jsonl", "no such file")


def test_an_empty_file(empty: Workspace):
    (empty.directory / "texts.jsonl").write_text("")
    assert_refused(empty, "texts.jsonl", "empty")


def test_a_wrong_column(empty: Workspace):
    (empty.directory / "texts.jsonl").write_text(GOOD_ROW.replace('"text"', '"txet"') + "\n")
    assert_refused(empty, "texts.jsonl", "text", "txet")


def test_an_unknown_label(empty: Workspace):
    empty.write_config(example_gen={"label_names": ["sadness", "joy"]})
    (empty.directory / "texts.jsonl").write_text(GOOD_ROW.replace("joy", "jyo") + "\n")
    assert_refused(empty, "texts.jsonl", "jyo", "row 1")


def test_a_file_that_is_not_utf8(empty: Workspace):
    (empty.directory / "texts.jsonl").write_bytes(GOOD_ROW.replace("happy", "h\xe4ppy").encode("latin-1"))
    raw = '{"id": "1", "text": "h\xe4ppy", "labels": ["joy"], "register": "chat"}\n'.encode("latin-1")
    (empty.directory / "texts.jsonl").write_bytes(raw * 3)
    assert_refused(empty, "texts.jsonl", "UTF-8")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"trainer": {"ephocs": 3}}, ("unknown key `trainer.ephocs`", "did you mean `epochs`?")),
        ({"trianer": {}}, ("unknown key `trianer`", "did you mean `trainer`?")),
        ({"trainer": {"epochs": -1}}, ("`trainer.epochs` is -1", "greater than")),
        ({"name": ""}, ("`name`",)),
        ({"transform": {"encoder": "./nowhere"}}, ("nowhere",)),
    ],
)
def test_a_wrong_setting(empty: Workspace, changes: dict[str, object], said: tuple[str, ...]):
    (empty.directory / "texts.jsonl").write_text((GOOD_ROW + "\n") * 3)
    empty.write_config(**changes)
    assert_refused(empty, *said, command="run")


def test_a_missing_configuration(tmp_path: Path):
    done = Workspace(tmp_path).emotion("run", "nothing.yaml")
    assert done.returncode == 2
    assert done.stderr == (
        "error: nothing.yaml: no such file; `emotion init DATA` writes a configuration for your data\n"
    )


def test_no_write_permission(empty: Workspace):
    """A file stands where the root should be: a directory cannot be made even by root."""
    (empty.directory / "root").write_text("in the way")
    done = empty.emotion("run", "emotion.yaml")
    assert done.returncode == 2
    assert "root: cannot make this directory" in done.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=False)
    if mounted.returncode != 0:
        pytest.skip("mounting a small file system needs root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk(small_disk: Path):
    workspace = Workspace(small_disk)
    workspace.write_config()
    row = GOOD_ROW.replace("so happy today", "so happy today " + "over and over " * 40)
    rows = "".join(row.replace('"1"', f'"{number}"') + "\n" for number in range(1400))
    (small_disk / "texts.jsonl").write_text(rows[: 900 << 10].rsplit("\n", 1)[0] + "\n")
    done = workspace.emotion("validate", "emotion.yaml")
    assert done.returncode == 1, done.stdout + done.stderr
    # Said by the stage, or by the store if it comes first.
    assert "disk is full" in done.stderr
    assert "free some space" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(small_disk.glob("root/.staging/*"))
