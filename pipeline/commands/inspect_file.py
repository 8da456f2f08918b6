"""`emotion inspect PATH`: a SavedModel, the files for phones, or the JSON files of an artifact."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from components.core.errors import UserError

__all__ = ["describe_file", "show_file"]

_EXPORT = "export.json"


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
        raise UserError(f"{path}: {_what_else(path)}")
    return {file.name: json.loads(file.read_text(encoding="utf-8")) for file in documents}


def _what_else(path: Path) -> str:
    versions = sorted(path.glob("saved_model/*/saved_model.pb")) + sorted(path.glob("tflite/*/*.tflite"))
    if versions:
        inside = ", ".join(str(version.parent) for version in (versions[0], versions[-1]))
        return f"holds pushed versions; name one, such as {inside}, or see `emotion versions {path}`"
    return (
        "is neither a run, an artifact, a SavedModel nor a .tflite file; "
        "try `emotion inspect runs` or `emotion inspect artifacts`"
    )


def _size(directory: Path) -> int:
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())


def show_file(console: Console, path: Path, document: Mapping[str, Any]) -> None:
    """Prints what `describe_file` found, for a person."""
    if "signatures" in document:
        from pipeline.commands.export_views import show_saved_model

        show_saved_model(console, path, document)
    elif _EXPORT in document and any(path.glob("*.tflite")):
        from pipeline.commands.export_views import show_phone_files

        show_phone_files(console, path, document)
    else:
        console.print_json(json.dumps(document, ensure_ascii=False))
