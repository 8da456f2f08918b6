"""The texts that a command is asked about: as arguments, in a file, or piped in."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from components.core.errors import UserError
from components.core.filesystem import open_file

__all__ = ["given_contexts", "given_texts"]


def given_texts(texts: Sequence[str], file: Path | None, *, command: str) -> list[str]:
    """The arguments, else the file's lines, else stdin's; blank lines are left out.

    Raises:
        UserError: there are none, or a line is not UTF-8.
    """
    found = list(_gather(texts, file))
    if not found:
        raise UserError(
            f'no text given; write `emotion {command} "some text"`, name --file, or pipe lines in'
        )
    return found


def given_contexts(contexts: Sequence[str], texts: int) -> list[str] | None:
    """A context for each text; None if there are none.

    Raises:
        UserError: there are neither one nor as many as texts.
    """
    if not contexts:
        return None
    if len(contexts) not in (1, texts):
        raise UserError(
            f"{len(contexts)} contexts for {texts} texts; give --context once for all of them, or once for each"
        )
    return list(contexts) * (texts if len(contexts) == 1 else 1)


def _gather(texts: Sequence[str], file: Path | None) -> Iterator[str]:
    if texts:
        yield from texts
    elif file is not None:
        with open_file(str(file)) as stream:
            yield from _lines(stream.read(), str(file))
    elif not sys.stdin.isatty():
        yield from _lines(sys.stdin.buffer.read(), "stdin")


def _lines(content: bytes, name: str) -> Iterator[str]:
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        try:
            text = line.decode("utf-8").strip()
        except UnicodeDecodeError as err:
            raise UserError(f"{name}: line {number} is not UTF-8; convert the file, e.g. with iconv") from err
        if text:
            yield text
