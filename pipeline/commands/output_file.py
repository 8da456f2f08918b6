"""A file that a command is to write: said before anything is computed if it may not."""

from pathlib import Path

from components.core.errors import UserError

__all__ = ["require_free", "require_json_lines"]


def require_free(output: Path, *, force: bool) -> None:
    """Refuses to overwrite a file unless told so.

    Raises:
        UserError: the file exists.
    """
    if output.exists() and not force:
        raise UserError(f"{output}: exists already; name a new file, or overwrite it with --force")


def require_json_lines(output: Path) -> None:
    """Refuses a name by which ExampleGen would take JSON Lines for something else.

    Raises:
        UserError: the name ends otherwise.
    """
    if output.suffix not in (".jsonl", ".ndjson"):
        raise UserError(f"{output}: JSON Lines are written; let the name end in .jsonl")
