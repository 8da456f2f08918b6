"""Kills a run at a chosen moment: a program's arguments, then the command whose run is killed.

`python -m tests.killing VICTIM OUTPUT EVENT NUMBER COMMAND…` where VICTIM is `runner` or `worker`, and the moment is
the NUMBERth EVENT that concerns the output of that name: `start` (its directory is made), `write` (a file of it is
opened for writing), `publish` (it is about to be renamed), `published` (it is, but nobody has written that down yet).
"""

import os
import signal
import sys
import time

from pipeline.running import worker_process

__all__ = ["watch", "watch_workers"]


def watch_workers(victim: str, output: str, event: str, number: int) -> None:
    """Has every worker that this process starts watch for the moment."""
    begin = f"import tests.killing; tests.killing.watch({(victim, output, event, number)!r}); "
    worker_process._PROGRAM = worker_process._PROGRAM.replace("from pipeline", begin + "from pipeline", 1)


def watch(moment: tuple[str, str, str, int]) -> None:
    """Kills this worker, or the runner that started it, when the moment comes."""
    victim, output, wanted, number = moment
    seen, moved = 0, False

    def look(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen, moved
        if event not in ("open", "os.rename", "os.mkdir"):
            return
        staged = str(arguments[0]).partition("/.staging/")[2].split("/")[1:]
        writes = event == "open" and int(arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR)  # type: ignore[call-overload]
        happened = {
            "start": event == "os.mkdir" and staged == [output],
            "write": staged[:1] == [output] and writes,
            "publish": event == "os.rename" and staged == [output],
            "published": moved and event == "open",
        }
        moved = moved or happened["publish"]
        seen += bool(happened[wanted])
        if seen == number:
            _kill(victim)

    sys.addaudithook(look)


def _kill(victim: str) -> None:
    if victim == "worker":
        os.kill(os.getpid(), signal.SIGKILL)
    os.kill(os.getppid(), signal.SIGKILL)
    # Its end takes this process with it, and what comes now is not to happen.
    time.sleep(600)


if __name__ == "__main__":
    from pipeline.cli import main

    watch_workers(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
    sys.argv = ["emotion", *sys.argv[5:]]
    main()
