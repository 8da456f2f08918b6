"""What every test relies on."""

import gc
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

LONGEST = ("docs", "integration", "components")
"""Directories whose files take minutes. They come first, so that no process is left alone with one at the end."""

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
