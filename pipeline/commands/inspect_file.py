"""`emotion inspect PATH`: a SavedModel, or the JSON files of an artifact."""

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


def _size(directory: Path) -> int:
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())
