import os
import threading

import pytest

from tflite.quiet import quiet_stderr


def test_what_native_code_writes_is_swallowed_and_then_no_more(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_stderr():
        os.write(2, b"chatter\n")
    os.write(2, b"news\n")
    assert capfd.readouterr().err == "news\n"


def test_it_is_told_after_all_where_the_block_fails(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with quiet_stderr():
            os.write(2, b"the reason\n")
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    assert capfd.readouterr().err == "the reason\n"


def test_threads_do_not_take_each_others_descriptor(capfd: pytest.CaptureFixture[str]) -> None:
    def whisper() -> None:
        for _ in range(50):
            with quiet_stderr():
                os.write(2, b"chatter\n")

    threads = [threading.Thread(target=whisper) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(2, b"news\n")
    assert capfd.readouterr().err == "news\n"
