"""`--help` of every command, as it stands in a narrow terminal, and what holds for all of them."""

import os
from importlib import metadata
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pipeline import cli
from pipeline.cli import app

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_says_what_every_argument_and_option_is_for(name: str) -> None:
    command = COMMANDS[name]
    assert command.help
    assert all(parameter.help for parameter in command.params)
    shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "80"}, catch_exceptions=False).stdout
    assert max(map(len, shown.splitlines())) <= 80
    assert "<bool>" not in shown  # a flag takes no value


def test_arguments_are_in_capitals() -> None:
    shown = CliRunner().invoke(app, ["select", "--help"], env={"COLUMNS": "80"}).stdout
    assert "emotion select [OPTIONS] {MODEL} {UNLABELLED}" in shown
    shown = CliRunner().invoke(app, ["predict", "--help"], env={"COLUMNS": "80"}).stdout
    assert "[TEXTS]..." in shown


@pytest.mark.parametrize("command", ["run", "validate", "explain-cache trainer"])
def test_the_configuration_is_the_one_that_init_writes(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, command.split())
    assert str(done.exception).startswith("emotion.yaml: no such file; `emotion init DATA` writes")


def test_the_version_is_told() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"emotion-pipeline {metadata.version('emotion-pipeline')}\n")


def test_tensorflow_gets_as_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(cli, "app", lambda: seen.append(os.environ["TF_NUM_INTRAOP_THREADS"]))
    monkeypatch.setattr(cli, "available_cpus", lambda: 3)
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    cli.main()
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "5")
    cli.main()
    assert seen == ["3", "5"]


@pytest.mark.parametrize(
    ("command", "chosen", "expected"),
    [
        ("run", None, "1"),
        ("run", "0", "0"),
        ("serve", None, None),
    ],
)
def test_training_takes_one_dnn_on_every_cpu(
    command: str, chosen: str | None, expected: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "TF_ENABLE_ONEDNN_OPTS"
    monkeypatch.setenv(name, chosen or "")
    if chosen is None:
        monkeypatch.delenv(name)
    CliRunner().invoke(app, [command, str(tmp_path / "missing")])
    assert os.environ.get(name) == expected
