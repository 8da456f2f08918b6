"""What a pushed directory says of itself: its files, where it comes from, what it is a copy of."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from components.publishing.signing import Signer
from serving.manifest import MANIFEST_FILE, Manifest, describe_file
from serving.public_keys import canonical_json

__all__ = ["content_of", "digest_of", "make_manifest"]


def content_of(directory: Path) -> dict[str, dict[str, str | int]]:
    """SHA-256 and size of every file but the manifest, by path."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    names = {path: path.relative_to(directory).as_posix() for path in files}
    return {name: describe_file(path) for path, name in names.items() if name != MANIFEST_FILE}


def digest_of(content: Mapping[str, Mapping[str, Any]]) -> str:
    """One SHA-256 (hex) for the files of all kinds: the same one means the same model."""
    return hashlib.sha256(canonical_json(content)).hexdigest()


def make_manifest(
    kind: str,
    version: int,
    *,
    files: Mapping[str, Any],
    created: datetime,
    lineage: Mapping[str, Any],
    origin: int | None,
    signer: Signer | None,
) -> Manifest:
    """The content of `manifest.json`.

    Args:
        kind: `saved_model` or `tflite`.
        version: its number.
        files: as `content_of` gives them.
        created: when, in UTC.
        lineage: pipeline, run, digests of what the stages read, verdicts.
        origin: the version that this one is a copy of.
        signer: signs it; None signs nothing.
    """
    document = {
        "format_version": 1,
        "kind": kind,
        "version": version,
        "created": created.isoformat(),
        "files": files,
        "lineage": lineage,
        "origin": origin,
    }
    return document if signer is None else signer.sign(document)
