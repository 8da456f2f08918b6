"""`emotion inspect PATH`: a SavedModel, a .tflite file, or the JSON files of an artifact."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from components.core.errors import UserError

__all__ = ["describe_file"]


def describe_file(path: Path) -> dict[str, Any]:
    """What is in it, as JSON values.

    Raises:
        UserError: it is none of these.
    """
    if path.suffix == ".tflite" and path.is_file():
        return _describe_tflite(path)
    if (path / "saved_model.pb").is_file():
        from serving.description import describe

        return {**asdict(describe(path)), "size_bytes": _size(path)}
    documents = sorted(path.glob("*.json")) if path.is_dir() else []
    if not documents:
        raise UserError(
            f"{path}: is neither a run, an artifact, a SavedModel nor a .tflite file; "
            "try `emotion inspect runs` or `emotion inspect artifacts`"
        )
    return {file.name: json.loads(file.read_text(encoding="utf-8")) for file in documents}


def _describe_tflite(path: Path) -> dict[str, Any]:
    from tflite.metadata import read_metadata

    metadata = read_metadata(path)
    document = {"labels": metadata.labels, **asdict(metadata)}
    tokenizer = document.pop("tokenizer")
    vocabulary = tokenizer.pop("vocabulary")
    return {
        **document,
        **tokenizer,
        "vocabulary_size": len(vocabulary),
        "size_bytes": path.stat().st_size,
    }


def _size(directory: Path) -> int:
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())
