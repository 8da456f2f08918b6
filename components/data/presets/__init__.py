"""Source settings and label mappings that ship with the project."""

import json
from pathlib import Path
from typing import Any

__all__ = ["LABEL_MAPPINGS", "SOURCE_PRESETS", "label_mapping", "source_settings"]

SOURCE_PRESETS = ("goemotions",)
"""Names that `preset` takes."""

LABEL_MAPPINGS = ("goemotions-ekman", "goemotions-sentiment")
"""Names that `label_mapping` takes in place of a mapping."""


def source_settings(name: str) -> dict[str, Any]:
    """The values of the `example_gen` section that a preset stands for.

    Raises:
        ValueError: there is no such preset.
    """
    return _read(name, SOURCE_PRESETS, "preset")


def label_mapping(name: str) -> dict[str, str]:
    """A shipped mapping from a label to the label that it becomes, in the order of the new labels.

    Raises:
        ValueError: there is no such mapping.
    """
    return _read(name, LABEL_MAPPINGS, "label mapping")


def _read(name: str, known: tuple[str, ...], kind: str) -> dict[str, Any]:
    if name not in known:
        raise ValueError(f"there is no {kind} {name!r}; shipped are {', '.join(known)}")
    path = Path(__file__).parent / f"{name}.json"
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document
