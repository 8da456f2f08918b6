"""`manifest.json`: what a pushed directory holds, file by file, and who says so. TensorFlow Serving passes it over."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

from serving.errors import SavedModelError
from serving.public_keys import PublicKeys, SignatureError

__all__ = ["MANIFEST_FILE", "Manifest", "ManifestError", "check_manifest", "describe_file", "parse_manifest"]

MANIFEST_FILE = "manifest.json"
"""At the top of a version directory."""

_FORMAT_VERSION = 1

Manifest: TypeAlias = dict[str, Any]
"""The document: `format_version`, `kind`, `version`, `created`, `files` (path -> `sha256` hex, `size` bytes),
`lineage`, `origin` (what it is a copy of, or null), and `signature` if it is signed."""


class ManifestError(SavedModelError):
    """A directory is not what its manifest says, or the manifest is not by whom it should be."""


def check_manifest(directory: Path, keys: PublicKeys | None = None) -> Manifest:
    """Reads every file of a version directory and holds it against the manifest; returns the manifest.

    Args:
        directory: holds `manifest.json`.
        keys: one of them must have signed the manifest; None asks for no signature.

    Raises:
        ManifestError: a file is changed, missing or too many, there is a link in the directory, the version is
            not that of its name, or none of the keys has signed; the message names up to five faults.
    """
    manifest = _read(directory, keys)
    faults = [*_wrong_version(directory, manifest), *_wrong_files(directory, manifest["files"])]
    if faults:
        more = f" and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise ManifestError(
            f"{directory}: not what was pushed: {'; '.join(faults[:5])}{more}; copy it again from where it was pushed"
        )
    return manifest


def parse_manifest(content: bytes, *, source: str, keys: PublicKeys | None = None) -> Manifest:
    """Reads a manifest, without the files that it lists.

    Args:
        content: of `manifest.json`.
        source: where it is, for messages.
        keys: one of them must have signed it; None asks for no signature.

    Raises:
        ManifestError: it is no manifest, or is not signed by one of the keys.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as err:
        raise ManifestError(f"{source}: cannot be read ({err})") from err
    if not isinstance(document, dict) or not isinstance(document.get("files"), dict):
        raise ManifestError(f"{source}: is no manifest of the Pusher: it lists no `files`")
    if document.get("format_version") != _FORMAT_VERSION:
        raise ManifestError(
            f"{source}: is of format {document.get('format_version')!r}, this program reads "
            f"{_FORMAT_VERSION}; update it"
        )
    if keys is not None:
        try:
            keys.check(document)
        except SignatureError as err:
            raise ManifestError(f"{source}: {err}") from err
    return document


def describe_file(path: Path) -> dict[str, str | int]:
    """What a manifest says of a file: `sha256` in hex digits and `size` in bytes."""
    with path.open("rb") as stream:
        return {"sha256": hashlib.file_digest(stream, "sha256").hexdigest(), "size": path.stat().st_size}


def _read(directory: Path, keys: PublicKeys | None) -> Manifest:
    path = directory / MANIFEST_FILE
    try:
        content = path.read_bytes()
    except FileNotFoundError as err:
        raise ManifestError(
            f"{directory}: holds no {MANIFEST_FILE}; name a version directory that the Pusher wrote"
        ) from err
    except OSError as err:
        raise ManifestError(f"{path}: cannot be read ({err})") from err
    return parse_manifest(content, source=str(path), keys=keys)


def _wrong_version(directory: Path, manifest: Manifest) -> list[str]:
    """A signed old version under a new number would be a silent way back; other names say nothing."""
    name = directory.resolve().name
    if not name.isdecimal() or int(name) == manifest.get("version"):
        return []
    return [f"it is version {manifest.get('version')}, not {name}"]


def _is_plain(path: Path) -> bool:
    return path.is_file() or path.is_dir()


def _wrong_files(directory: Path, listed: Mapping[str, Any]) -> list[str]:
    found = {path.relative_to(directory).as_posix(): path for path in directory.rglob("*")}
    # What a link leads to is not seen here, and may be another thing when the model is loaded.
    strange = {name for name, path in found.items() if path.is_symlink() or not _is_plain(path)}
    present = {name for name, path in found.items() if path.is_file()} - strange
    faults = [f"{name} is neither a file nor a directory" for name in sorted(strange)]
    faults += [f"{name} is not in the manifest" for name in sorted(present - listed.keys() - {MANIFEST_FILE})]
    for name, described in sorted(listed.items()):
        if name in strange:
            continue
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            faults.append(f"{name} lies outside")
        elif name not in present:
            faults.append(f"{name} is missing")
        elif describe_file(directory / name) != described:
            faults.append(f"{name} has changed")
    return faults
