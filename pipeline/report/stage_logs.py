"""The end of each stage's log, for a page that may be read far from the run."""

import os
from pathlib import Path

__all__ = ["log_tail"]

_BYTES, _LINES, _COLUMNS = 1 << 16, 40, 240


def log_tail(log: Path | None) -> str:
    """The last lines of a log, each cut to a width that a person reads; "" if there is none."""
    if log is None or not log.is_file():
        return ""
    with log.open("rb") as stream:
        stream.seek(0, os.SEEK_END)
        stream.seek(max(0, stream.tell() - _BYTES))
        text = stream.read().decode("utf-8", errors="replace")
    lines = text.splitlines()[-_LINES:]
    return "\n".join(line if len(line) <= _COLUMNS else f"{line[: _COLUMNS - 1]}…" for line in lines)
