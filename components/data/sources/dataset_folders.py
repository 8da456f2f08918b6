"""Data sets as the `datasets` library saves them and as TensorFlow Datasets prepares them: files and class names."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from components.core.errors import DataError
from components.core.filesystem import exists, open_file
from components.data.ingestion.labels import read_label_names
from components.data.sources.arrow_values import class_names_in_features

__all__ = ["class_names_beside", "files_beside", "saved_dataset_files"]

_INFO = "dataset_info.json"


def saved_dataset_files(directory: str) -> tuple[str, ...]:
    """The Arrow files of a data set that `save_to_disk` wrote, in order; none if the directory is no such one.

    Other Arrow files in it, which are caches, are left out.

    Raises:
        DataError: the directory lacks what it says it holds.
    """
    base = directory.rstrip("/")
    if exists(f"{base}/dataset_dict.json"):
        splits = _read_list(f"{base}/dataset_dict.json", "splits")
        return tuple(file for split in splits for file in _files_in_state(f"{base}/{split}"))
    return _files_in_state(base) if exists(f"{base}/state.json") else ()


def files_beside(uris: Iterable[str], wanted: Sequence[str]) -> tuple[str, ...]:
    """The files beside these that `class_names_beside` reads: what follows from the data follows from them, too."""
    directories = dict.fromkeys(uri.rpartition("/")[0] or "." for uri in uris)
    names = (_INFO, *(f"{name}.labels.txt" for name in wanted if "/" not in name))
    candidates = (f"{directory}/{name}" for directory in directories for name in names)
    return tuple(file for file in candidates if exists(file))


def class_names_beside(uri: str, wanted: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Names of the classes by column that stand beside a file of records.

    They are in `dataset_info.json` (the `datasets` library), or one a line in `<column>.labels.txt` (TensorFlow
    Datasets).

    Raises:
        DataError: such a file is broken.
    """
    found: dict[str, tuple[str, ...]] = {}
    for file in files_beside([uri], wanted):
        name = file.rpartition("/")[2]
        if name == _INFO:
            found |= class_names_in_features(_read_object(file).get("features"), wanted)
        else:
            found[name.removesuffix(".labels.txt")] = read_label_names(file)
    return found


def _files_in_state(directory: str) -> tuple[str, ...]:
    files = _read_list(f"{directory}/state.json", "_data_files")
    names = [file.get("filename") if isinstance(file, dict) else None for file in files]
    if not all(isinstance(name, str) for name in names):
        raise DataError(f"{directory}/state.json: expected file names; save the data set again")
    return tuple(f"{directory}/{name}" for name in names)


def _read_list(uri: str, key: str) -> list[Any]:
    value = _read_object(uri).get(key)
    if not isinstance(value, list):
        raise DataError(f"{uri}: expected a list under {key!r}; save the data set again")
    return value


def _read_object(uri: str) -> Mapping[str, Any]:
    with open_file(uri) as stream:
        try:
            document = json.load(stream)
        except (ValueError, RecursionError) as err:
            raise DataError(f"{uri}: is no JSON ({err}); save the data set again") from err
    if not isinstance(document, dict):
        raise DataError(f"{uri}: expected an object; save the data set again")
    return document
