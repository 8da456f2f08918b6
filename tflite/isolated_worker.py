"""The child of `tflite.isolation`: `python -m tflite.isolated_worker FILE THREADS`, asked and answering in raw bytes.

Nothing that comes from here is ever unpickled: who takes this process over gains what it may do, and no more.
"""

import contextlib
import os
import struct
import sys
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import IO

import numpy as np

from tflite.errors import ModelFileError
from tflite.session import Session

__all__ = ["ANSWER", "REQUEST", "Status", "limit_memory", "serve"]

REQUEST = struct.Struct("<i")
"""Number of tokens; int32 ids and int32 segment ids follow."""

ANSWER = struct.Struct("<ii")
"""Status and number of bytes that follow: float32 scores, or a message in UTF-8. The first answer is to loading."""

_ADDRESS_SPACE = 8 << 30
"""Bytes beside four times the file: what a model of any size that a phone could hold needs here by far."""


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
        (count,) = REQUEST.unpack(header)
        rows = np.frombuffer(requests.read(8 * count), np.int32).reshape(2, count)
        _answer(answers, lambda rows=rows: session.run(*rows).tobytes())  # type: ignore[misc]


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
