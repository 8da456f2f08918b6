"""One .tflite file in a process of its own: whatever is wrong with it, the calling process lives on.

The runtime trusts its files: a damaged or hostile one can make it read beyond its buffers, abort, ask for all memory or
never answer, in the middle of any text. No check of the file beforehand rules that out; a process does.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from tflite.errors import ModelFileError
from tflite.isolated_worker import ANSWER, REQUEST, Question, Status

__all__ = ["IsolatedSession"]

_LARGEST_ANSWER = 64 << 20
_START_TIMEOUT_S = 120.0
_EXIT_TIMEOUT_S = 5.0


class IsolatedSession:
    """`tflite.session.Session` in a child process: the same arguments and answers, 0.1 ms more a text.

    Use it in a `with` block, or leave the process to the garbage collector.
    """

    def __init__(self, model: Path | bytes, *, num_threads: int = 1, timeout_s: float = 60.0) -> None:
        """Starts the process and loads the file there.

        Args:
            model: path or content of a .tflite file.
            num_threads: threads of one inference.
            timeout_s: seconds after which a text that has no answer is given up.

        Raises:
            ModelFileError: there is no such file, or the runtime cannot load it or crashes on it.
        """
        self._timeout_s = timeout_s
        self._failure: str | None = None
        with contextlib.ExitStack() as stack:
            path = model if isinstance(model, Path) else stack.enter_context(_file_of(model))
            self._process = self._start([str(path), str(num_threads)])
            self._finalizer = weakref.finalize(self, _end, self._process)
            self._read_answer(_START_TIMEOUT_S)

    def run(
        self,
        ids: Sequence[int] | npt.NDArray[np.int32],
        segment_ids: Sequence[int] | npt.NDArray[np.int32] | None = None,
    ) -> npt.NDArray[np.float32]:
        """Scores of one text, float32 [outputs]; arguments as in `Session.run`.

        Raises:
            RuntimeError: the graph cannot run with them (an id outside the vocabulary).
            ModelFileError: the runtime crashes on the file, or does not answer in time; no other text is answered then.
        """
        row = np.asarray(ids, np.int32)
        segments = np.zeros_like(row) if segment_ids is None else np.asarray(segment_ids, np.int32)
        return self._ask(Question.IDS, len(row), row.tobytes() + segments.tobytes())

    def run_text(self, text: bytes) -> npt.NDArray[np.float32]:
        """Scores of one text in UTF-8, float32 [outputs], as `Session.run_text`; errors as in `run`."""
        return self._ask(Question.TEXT, len(text), text)

    def _ask(self, question: Question, count: int, asked: bytes) -> npt.NDArray[np.float32]:
        if self._failure is not None:
            raise ModelFileError(self._failure)
        with contextlib.suppress(BrokenPipeError):  # the answer says why
            self._stream("stdin").write(REQUEST.pack(question, count) + asked)
        return np.frombuffer(self._read_answer(self._timeout_s), np.float32)

    def close(self) -> None:
        """Ends the process."""
        self._finalizer()
        self._failure = self._failure or "the session is closed; open the file again"

    def __enter__(self) -> "IsolatedSession":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @staticmethod
    def _start(arguments: Sequence[str]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "tflite.isolated_worker", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(entry or "." for entry in sys.path)},
        )

    def _read_answer(self, timeout_s: float) -> bytes:
        deadline = time.monotonic() + timeout_s
        status, size = ANSWER.unpack(self._read(ANSWER.size, deadline, timeout_s))
        if not 0 <= size <= _LARGEST_ANSWER or (status == Status.SCORES and size % 4):
            raise self._given_up("the runtime gives no sensible answers")
        payload = self._read(size, deadline, timeout_s)
        if status == Status.SCORES:
            return payload
        message = payload.decode("utf-8", "replace")
        raise RuntimeError(message) if status == Status.RUNTIME_ERROR else self._given_up(message)

    def _read(self, size: int, deadline: float, timeout_s: float) -> bytes:
        stream, parts = self._stream("stdout"), bytearray()
        poll = select.poll()
        poll.register(stream, select.POLLIN)
        while len(parts) < size:
            if not poll.poll(1000 * max(0.0, deadline - time.monotonic())):
                raise self._given_up(f"the runtime does not answer within {timeout_s:g} s")
            received = stream.read(size - len(parts))
            if not received:
                raise self._given_up(f"the runtime crashes on the .tflite file ({_ending(self._process)})")
            parts += received
        return bytes(parts)

    def _given_up(self, reason: str) -> ModelFileError:
        self._failure = reason
        self._finalizer()
        return ModelFileError(reason)

    def _stream(self, name: str) -> IO[bytes]:
        stream: IO[bytes] = getattr(self._process, name)
        return stream


@contextlib.contextmanager
def _file_of(content: bytes) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile(suffix=".tflite") as file:
        file.write(content)
        file.flush()
        yield Path(file.name)


def _ending(process: "subprocess.Popen[bytes]") -> str:
    try:
        code = process.wait(_EXIT_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return "it closed its answers"
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
