"""What a command is to write is refused before anything is computed, if it cannot be written."""

import errno
import os
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from components.core.errors import UserError
from pipeline.cli import _explain, app, main
from pipeline.commands.output_file import require_writable

COMMANDS = (
    "audit no-root -o {}",
    "select no-model texts.txt -o {}",
    "pseudo-label no-model texts.txt -o {}",
    "explain text --model no-model --html {}",
    "compare 1 2 --root no-root --html {}",
    "inspect lineage 1 --root . --html {}",
    "validate no-data.csv --write-schema {}",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_place_is_looked_at_first(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("metadata.sqlite").touch()
    Path("directory.jsonl").mkdir()
    force = [] if "--html" in command else ["--force"]
    done = CliRunner().invoke(app, [*command.format("directory.jsonl").split(), *force])
    assert str(done.exception) == "directory.jsonl: is a directory; name a file"


def test_missing_directories_are_made_where_that_is_possible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    require_writable(tmp_path / "new" / "directory" / "file.csv")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"page.html: .*/file is a file; name another place"):
        require_writable(tmp_path / "file" / "page.html")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UserError, match=rf"page.html: no permission to write in {tmp_path};"):
        require_writable(tmp_path / "page.html")


def test_what_the_system_refuses_is_one_line_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    Path("texts.csv").write_text("text,labels\nGood.,joy\nBad.,anger\n")
    monkeypatch.setattr(sys, "argv", ["emotion", "init", "texts.csv", "-o", "texts.csv/emotion.yaml"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, capsys.readouterr().err) == (2, "error: texts.csv: File exists\n")


def test_a_name_that_is_too_long_is_one_line_too(capsys: pytest.CaptureFixture[str]):
    assert _explain(OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), "long.jsonl")) == 2
    assert capsys.readouterr().err == "error: long.jsonl: File name too long\n"


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.ESTALE, errno.ENOENT])
def test_what_is_no_mistake_of_the_user_keeps_its_traceback(number: int):
    failure = OSError(number, os.strerror(number), "root/trainer")
    with pytest.raises(OSError, match="root/trainer") as raised:
        _explain(failure)
    assert raised.value is failure
