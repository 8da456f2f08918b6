"""A file that a command is to write: said before anything is computed if it may not."""

import os
from pathlib import Path

from components.core.errors import UserError

__all__ = ["require_free", "require_json_lines", "require_writable"]


def require_free(output: Path, *, force: bool) -> None:
    """Refuses to overwrite a file unless told so, and a place in which none can be written.

    Raises:
        UserError: the file exists, or cannot be written.
    """
    if output.exists() and not force:
        raise UserError(f"{output}: exists already; name a new file, or overwrite it with --force")
    require_writable(output)


def require_writable(output: Path) -> None:
    """Refuses a place in which no file can be written. Directories that are missing are made with the file.

    Raises:
        UserError: it is a directory itself, or nothing can be made in the one that it leads to.
    """
    if output.is_dir():
        raise UserError(f"{output}: is a directory; name a file")
    directory = next(place for place in output.absolute().parents if place.exists())
    if not directory.is_dir():
        raise UserError(f"{output}: {directory} is a file; name another place")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise UserError(f"{output}: no permission to write in {directory}; name another place")


def require_json_lines(output: Path) -> None:
    """Refuses a name by which ExampleGen would take JSON Lines for something else.

    Raises:
        UserError: the name ends otherwise.
    """
    if output.suffix not in (".jsonl", ".ndjson"):
        raise UserError(f"{output}: JSON Lines are written; let the name end in .jsonl")
