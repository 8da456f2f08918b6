"""Names of labels for people: those that come with the package, and files of translators."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tflite.errors import MetadataError

__all__ = ["read_names", "shipped_names"]


def shipped_names(labels: Sequence[str], locale: str) -> tuple[str, ...] | None:
    """Names of the labels of GoEmotions and of their Ekman and sentiment groups; None if any label is another one.

    Raises:
        MetadataError: no names come in this language.
    """
    if locale not in _shipped():
        raise MetadataError(
            f"no label names of locale {locale!r} come with the package, only {', '.join(_shipped())}; "
            "give them in a file (`label_files`)"
        )
    names = _shipped()[locale]
    return tuple(names[label] for label in labels) if names.keys() >= set(labels) else None


def read_names(path: Path, labels: Sequence[str]) -> tuple[str, ...]:
    """Names from a text file, one a line, in the order of the labels.

    Raises:
        MetadataError: the file cannot be read, or holds another number of names.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as err:
        raise MetadataError(f"{path}: cannot be read as UTF-8 text ({err})") from err
    names = tuple(line.strip() for line in lines)
    if len(names) != len(labels) or not all(names):
        raise MetadataError(
            f"{path}: expected {len(labels)} names, a line each, in the order of labels.txt ({labels[0]} first); "
            f"got {len(lines)} lines, {sum(map(bool, names))} of them with text"
        )
    return names


@cache
def _shipped() -> dict[str, dict[str, str]]:
    document: Any = json.loads(Path(__file__).with_name("label_names.json").read_text(encoding="utf-8"))
    return dict(document)
