import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.fuzz_tflite import run_all
from tests.tflite import toy
from tflite.errors import ModelFileError
from tflite.isolation import IsolatedSession
from tflite.session import Session

IDS = [2, 9, 30, 3]


def test_it_answers_as_a_session_of_this_process_does() -> None:
    content = toy.files_of_several_heads()["float32"]
    session = Session(content)
    with IsolatedSession(content) as isolated:
        for ids, segments in ((IDS, None), (IDS, [0, 0, 1, 1]), (IDS * 30, None), (IDS, None)):
            np.testing.assert_array_equal(isolated.run(ids, segments), session.run(ids, segments))
        with pytest.raises(RuntimeError, match="out of bounds"):
            isolated.run([2, len(toy.spec().vocabulary), 3])
        np.testing.assert_array_equal(isolated.run(IDS), session.run(IDS))


def test_a_crash_of_the_runtime_is_an_error_of_the_file_from_then_on() -> None:
    isolated = IsolatedSession(toy.files()["int8"])
    os.kill(isolated._process.pid, signal.SIGSEGV)
    for _ in range(2):
        with pytest.raises(ModelFileError, match=r"crashes on the .tflite file \(SIGSEGV\)"):
            isolated.run(IDS)


def test_a_runtime_that_does_not_answer_is_given_up() -> None:
    isolated = IsolatedSession(toy.files()["int8"], timeout_s=0.3)
    os.kill(isolated._process.pid, signal.SIGSTOP)
    with pytest.raises(ModelFileError, match=r"does not answer within 0.3 s"):
        isolated.run(IDS)
    assert isolated._process.poll() == -signal.SIGKILL


def test_a_file_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"gone.tflite: cannot be read"):
        IsolatedSession(tmp_path / "gone.tflite")
    with pytest.raises(ModelFileError, match=r"cannot load|damaged"):
        IsolatedSession(toy.files()["int8"][:30_000])


def test_nothing_of_the_working_directory_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)
    with IsolatedSession(toy.files()["int8"]) as isolated:
        isolated.run(IDS)


def test_no_process_is_left_behind() -> None:
    isolated = IsolatedSession(toy.files()["int8"])
    process = isolated._process
    isolated.close()
    assert process.returncode is not None
    with pytest.raises(ModelFileError, match="the session is closed"):
        isolated.run(IDS)
    forgotten = IsolatedSession(toy.files()["int8"])._process
    assert forgotten.returncode is not None


def test_a_model_that_asks_for_all_memory_fails_in_the_child() -> None:
    program = (
        "import numpy as np; from tflite.isolated_worker import limit_memory;"
        "limit_memory(0)\n"
        "try: np.empty(1 << 34, np.uint8)\n"
        "except MemoryError: print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "refused\n"


def test_damaged_files_never_stop_the_reader(tmp_path: Path) -> None:
    """A hundred and fifty of the hundred thousand of `tests/benchmarks/fuzz_tflite.py`, in a process of their own."""
    for variant in toy.files():
        (tmp_path / f"{variant}.tflite").write_bytes(toy.complete_file(variant))
    counts = run_all(7_000_000, 150, tmp_path)
    assert counts["uncaught"] == 0
    assert counts["refused by the reader"] > 30
    assert counts["refused by the runtime"] > 15
    assert counts["answers"] > 10
    assert counts.total() == 150
