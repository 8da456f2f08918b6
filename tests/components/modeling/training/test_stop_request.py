import os
import signal

import pytest

from components.modeling.training.stop_request import StopRequest


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_noticed_and_the_second_one_acts(number: signal.Signals) -> None:
    def interrupt(*_: object) -> None:
        raise InterruptedError

    before = signal.signal(number, interrupt)
    try:
        with StopRequest() as stop:
            assert stop.came == ""
            os.kill(os.getpid(), number)
            assert stop.came == number.name
            with pytest.raises(InterruptedError):
                os.kill(os.getpid(), number)
        with StopRequest():
            pass
        assert signal.getsignal(number) is interrupt
    finally:
        signal.signal(number, before)


def test_nothing_is_held_back_if_nothing_could_be_saved() -> None:
    with StopRequest(held_back=False) as stop, pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    assert stop.came == ""
