"""A run that is stopped ends with an exit code that says: again."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from components.core.errors import StageError, StoppedError
from pipeline import api, cli


def _exit_code(directory: Path, monkeypatch: pytest.MonkeyPatch, run: object) -> object:
    config = directory / "emotion.yaml"
    config.write_text(f"name: stopped\nroot: {directory / 'root'}\nexample_gen: {{source: texts.jsonl}}\n")
    monkeypatch.setattr(api, "run", run)
    monkeypatch.setattr(sys, "argv", ["emotion", "run", str(config)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_any_stage(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    number: signal.Signals,
) -> None:
    def run(*_: object, **__: object) -> None:
        os.kill(os.getpid(), number)
        time.sleep(60)

    before = signal.getsignal(signal.SIGTERM)
    assert _exit_code(tmp_path, monkeypatch, run) == 75
    assert "stopped: finished stages are kept; run the same command again to go on" in capfd.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_stage_that_saved_its_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def run(*_: object, **__: object) -> None:
        raise StoppedError("trainer: the state after step 7 is saved")

    assert _exit_code(tmp_path, monkeypatch, run) == 75
    expected = "stopped: trainer: the state after step 7 is saved; run the same command again to go on"
    assert expected in capfd.readouterr().err


def test_a_failure_is_another_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object, **__: object) -> None:
        raise StageError("trainer: the loss is no longer a number")

    assert _exit_code(tmp_path, monkeypatch, run) == 1
