"""The child of `tflite.isolation`: `python -m tflite.isolated_worker FILE THREADS`, asked and answering in raw bytes.

Nothing that comes from here is ever unpickled: who takes this process over gains what it may do, and no more.
"""

import contextlib
import os
import struct
import sys
from collections.abc import Callable
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np

from tflite.errors import ModelFileError
from tflite.session import Session

__all__ = ["ANSWER", "REQUEST", "Question", "Status", "limit_memory", "serve"]

REQUEST = struct.Struct("<ii")
"""What is asked (`Question`), and number of tokens, whose int32 ids and segment ids follow, or of bytes in UTF-8."""

ANSWER = struct.Struct("<ii")
"""Status and number of bytes that follow: float32 scores, or a message in UTF-8. The first answer is to loading."""

_ADDRESS_SPACE = 8 << 30
"""Bytes beside four times the file: what a model of any size that a phone could hold needs here by far."""


class Question(IntEnum):
    IDS = 0
    TEXT = 1


class Status(IntEnum):
    SCORES = 0
    FILE_ERROR = 1
    RUNTIME_ERROR = 2


def serve(path: Path, num_threads: int, requests: IO[bytes], answers: IO[bytes]) -> None:
    """Loads the file, then answers text after text until the requests end."""
    limit_memory(path.stat().st_size if path.is_file() else 0)
    session: Session

    def load() -> bytes:
        nonlocal session
        session = Session(path, num_threads=num_threads)
        return b""

    if not _answer(answers, load):
        return
    while header := requests.read(REQUEST.size):
        question, count = REQUEST.unpack(header)
        asked = requests.read(count if question == Question.TEXT else 8 * count)
        _answer(answers, partial(_scores, session, question, asked))


def _scores(session: Session, question: int, asked: bytes) -> bytes:
    if question == Question.TEXT:
        return session.run_text(asked).tobytes()
    return session.run(*np.frombuffer(asked, np.int32).reshape(2, -1)).tobytes()


def _answer(answers: IO[bytes], work: Callable[[], bytes]) -> bool:
    """Whether the work could be done."""
    try:
        status, payload = Status.SCORES, work()
    except ModelFileError as err:
        status, payload = Status.FILE_ERROR, str(err).encode()
    except (RuntimeError, ValueError) as err:
        status, payload = Status.RUNTIME_ERROR, str(err).encode()
    except MemoryError:
        status, payload = Status.FILE_ERROR, b"the .tflite file asks for more memory than a model needs"
    answers.write(ANSWER.pack(status, len(payload)) + payload)
    answers.flush()
    return status == Status.SCORES


def limit_memory(file_bytes: int) -> None:
    """Lets a file that asks for all memory fail here; leaves no core dump."""
    import resource

    most = _ADDRESS_SPACE + 4 * file_bytes
    with contextlib.suppress(ValueError, OSError):  # the system holds this process to less already, or cannot
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    path, num_threads = Path(sys.argv[1]), int(sys.argv[2])
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # native code may print; the answers are on a descriptor of their own
    serve(path, num_threads, sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
