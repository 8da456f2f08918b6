"""What every test relies on."""

import gc
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from pipeline.interpreter import look_less_for_garbage

LONGEST = ("docs", "integration", "components")
"""Directories whose files take minutes. They come first, so that no process is left alone with one at the end."""

look_less_for_garbage()

# How long an example takes says nothing where other programs share the CPUs.
settings.register_profile("shared cpus", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared cpus")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    here = config.rootpath / "tests"

    def turn(item: pytest.Item) -> int:
        directory, *_ = item.path.relative_to(here).parts
        return LONGEST.index(directory) if directory in LONGEST else len(LONGEST)

    items.sort(key=turn)


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_interrupts() -> None:
    """A shell that starts the tests in the background has SIGINT ignored, and with it what they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="module")
def what_stays_is_not_searched_again() -> Iterator[None]:
    """TensorFlow keeps the objects of every graph: after 37 tests of the Trainer, to look through them for garbage took
    7 of the 21 s of CPU of the next one."""
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture
def emotion_here(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command `emotion` in a directory and in this process, which has loaded TensorFlow and Beam already.

    A process of its own takes 3 to 9 s of CPU to load them. `Workspace.emotion` starts one.
    """
    from pipeline.cli import main

    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("NO_COLOR", "1")

    def run(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(directory)
        monkeypatch.setattr(sys, "argv", ["emotion", *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return subprocess.CompletedProcess(arguments, int(ended.value.code or 0), out, err)

    return run
