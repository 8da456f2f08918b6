"""`emotion doctor` on the machine that runs the tests."""

import json
from importlib.metadata import version

import pytest

from pipeline.commands.doctor import doctor_command


def test_a_machine_on_which_the_tests_run_is_ready(capfd: pytest.CaptureFixture[str]) -> None:
    assert doctor_command(as_json=True) == 0
    out, err = capfd.readouterr()
    found = {finding["what"]: finding for finding in json.loads(out)}
    assert found["emotion-pipeline"]["value"] == version("emotion-pipeline")
    assert found["TensorFlow import"]["level"] == "ok"
    assert err == ""  # CUDA's complaint where there is no GPU is not shown


def test_a_package_that_is_missing_comes_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pipeline.commands.doctor._REQUIRED", ("no-such-package",))
    assert doctor_command(as_json=False) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "✗ no-such-package not installed" in told
