"""Version directories in TensorFlow Serving's layout, `<base path>/<integer>/saved_model.pb`, and which are served."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from serving.errors import SavedModelError

__all__ = ["VersionPolicy", "all_versions", "either", "find_versions", "latest", "newest_version", "specific"]

_log = logging.getLogger(__name__)

VersionPolicy: TypeAlias = Callable[[Mapping[int, Path]], dict[int, Path]]
"""Chooses among the versions found, by number, those that are to be served."""

_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt", "model.tflite")


def find_versions(base_path: Path | str) -> dict[int, Path]:
    """The versions under `base_path`, ascending; other entries, hidden and half-written ones are passed over."""
    try:
        entries = list(Path(base_path).iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    found = {
        int(entry.name): entry
        for entry in entries
        if entry.name.isascii() and entry.name.isdigit() and _holds_model(entry)
    }
    return dict(sorted(found.items()))


def newest_version(base_path: Path | str) -> tuple[int, Path]:
    """Number and directory of the newest version under `base_path`.

    Raises:
        SavedModelError: there is none.
    """
    versions = find_versions(base_path)
    if not versions:
        raise SavedModelError(
            f"{base_path}: holds no version (expected <number>/saved_model.pb); push a model there or name "
            "another directory"
        )
    return next(reversed(versions.items()))


def latest(count: int = 1) -> VersionPolicy:
    """The policy that serves the `count` newest versions."""
    return lambda found: dict(sorted(found.items())[-max(1, count) :])


def all_versions() -> VersionPolicy:
    """The policy that serves every version."""
    return dict


def specific(wanted: frozenset[int]) -> VersionPolicy:
    """The policy that serves the versions named; what is not there is logged."""

    def choose(found: Mapping[int, Path]) -> dict[int, Path]:
        if missing := sorted(wanted - set(found)):
            _log.warning("versions %s are to be served, but are not there", missing)
        return {number: path for number, path in found.items() if number in wanted}

    return choose


def either(one: VersionPolicy, other: VersionPolicy) -> VersionPolicy:
    """The policy that serves what one of two would."""
    return lambda found: one(found) | other(found)


def _holds_model(directory: Path) -> bool:
    return any((directory / name).is_file() for name in _MODEL_FILES)
