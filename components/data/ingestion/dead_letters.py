"""The rows that became no example: written down with the reason, and counted."""

import json
from collections import Counter
from pathlib import Path
from typing import IO, Self

from components.data.ingestion.text_preparation import TextPreparation
from components.data.sources.rows import Reason

__all__ = ["DeadLetterWriter"]

_MAX_CONTENT_CHARACTERS = 500
_MAX_DETAIL_CHARACTERS = 200


class DeadLetterWriter:
    """Writes dead letters as JSON Lines, for use in a `with` block; no file appears if there are none.

    Attributes:
        counts: dead letters by reason.
        first: the first one in words (`row 7: unknown label: 'hapy'`); None if there are none.
    """

    def __init__(self, path: Path, file: str, preparation: TextPreparation) -> None:
        """Writes to `path` about the rows of the source `file`; `preparation` takes personal data out."""
        self._path = path
        self._file = file
        self._excerpt = preparation.excerpt
        self._stream: IO[str] | None = None
        self.counts: Counter[Reason] = Counter()
        self.first: str | None = None

    def write(self, row: int, reason: Reason, detail: str, content: str) -> None:
        """Adds one; the content is masked and cut to its first 500 characters."""
        detail = self._excerpt(detail, characters=_MAX_DETAIL_CHARACTERS)
        if self._stream is None:
            self._stream = self._path.open("w", encoding="utf-8", errors="backslashreplace")
            self.first = f"row {row}: {reason}" + (f": {detail}" if detail else "")
        self.counts[reason] += 1
        letter = {"file": self._file, "row": row, "reason": reason, "detail": detail}
        letter["content"] = self._excerpt(content, characters=_MAX_CONTENT_CHARACTERS).rstrip("\r\n")
        self._stream.write(json.dumps(letter, ensure_ascii=False) + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._stream is not None:
            self._stream.close()
