"""What every test relies on."""

import signal

import pytest


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_interrupts() -> None:
    """A shell that starts the tests in the background has SIGINT ignored, and with it what they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
