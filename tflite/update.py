"""What an app does with `update.json` before it takes a new model over the air: the reference, without TensorFlow.

`docs/over-the-air.md` says the same in words, for Kotlin, Swift and JavaScript.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tflite.errors import UpdateError

__all__ = ["Update", "UpdateFile", "check_file", "check_update"]

_FORMAT_VERSION = 1


@dataclass(frozen=True)
class UpdateFile:
    """One file that an app can load.

    Attributes:
        file: path relative to `update.json`.
        size: in bytes.
        sha256: in hex digits.
        minimum_runtime: the oldest TensorFlow Lite version that runs it; None if it is not known.
        mediapipe: whether MediaPipe's TextClassifier gives what LiteRT does; None if it is not known.
    """

    file: str
    size: int
    sha256: str
    minimum_runtime: str | None
    mediapipe: bool | None


@dataclass(frozen=True)
class Update:
    """What an app should have now.

    Attributes:
        release: grows with every release, also with one that goes back to an older model.
        model_version: number of the version directory.
        released: date, YYYY-MM-DD.
        minimum_app_version: the oldest app that can use it, such as `2.3.0`; None asks for none.
        labels_sha256: of `labels.txt`, in hex digits; None if there is none.
        files: by variant, `float32`, `int8`.
    """

    release: int
    model_version: int
    released: str
    minimum_app_version: str | None
    labels_sha256: str | None
    files: Mapping[str, UpdateFile]


def check_update(
    content: bytes, *, public_key: bytes, installed_release: int = 0, app_version: str | None = None
) -> Update:
    """Reads an `update.json` that came over a line that nobody vouches for.

    Args:
        content: the file.
        public_key: PEM of the Ed25519 key or keys that the app was built with.
        installed_release: release that the app has; 0 for the one it was built with.
        app_version: version of the app, `2.3.0`; None does not compare.

    Raises:
        UpdateError: it is not signed by that key, was changed, is older than what the app has, or is not for this app.
    """
    document = _parse(content)
    _check_signature(document, public_key)
    if document.get("format_version") != _FORMAT_VERSION:
        raise UpdateError(
            f"update.json is of format {document.get('format_version')!r}, this app reads {_FORMAT_VERSION}; keep the "
            "model and update the app"
        )
    update = _read(document)
    if update.release < installed_release:
        raise UpdateError(
            f"release {update.release} is older than release {installed_release}, which the app has; keep that one"
        )
    needed = update.minimum_app_version
    if app_version is not None and needed is not None and _numbers(app_version) < _numbers(needed):
        raise UpdateError(f"the model needs app {needed} or later, this is {app_version}; keep the model")
    return update


def check_file(path: Path, expected: UpdateFile) -> None:
    """Checks a downloaded file before it takes the place of the old one.

    Raises:
        UpdateError: its size or digest is another; it must not be loaded.
    """
    size = path.stat().st_size
    if size != expected.size:
        raise UpdateError(f"{path}: {size} bytes, {expected.size} expected; download it again")
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != expected.sha256:
        raise UpdateError(f"{path}: SHA-256 {digest}, {expected.sha256} expected; download it again")


def _parse(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as err:
        raise UpdateError(f"update.json is no JSON ({err}); download it again") from err
    if not isinstance(document, dict):
        raise UpdateError("update.json is no JSON object; download it again")
    return document


def _check_signature(document: Mapping[str, Any], public_key: bytes) -> None:
    from cryptography.exceptions import InvalidSignature

    keys = _keys(public_key)
    signature = document.get("signature")
    if not isinstance(signature, dict) or signature.get("algorithm") != "ed25519":
        raise UpdateError("update.json carries no Ed25519 signature; take it from where it was published")
    key = keys.get(str(signature.get("key_id")))
    if key is None:
        raise UpdateError(
            f"update.json is signed by key {signature.get('key_id')!r}, the app trusts {', '.join(keys)}"
        )
    unsigned = {name: value for name, value in document.items() if name != "signature"}
    canonical = json.dumps(unsigned, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    try:
        key.verify(base64.b64decode(str(signature.get("value")), validate=True), canonical.encode())
    except (InvalidSignature, ValueError, RecursionError) as err:
        raise UpdateError(
            "update.json was changed after it was signed; take it from where it was published"
        ) from err


def _keys(public_key: bytes) -> dict[str, Any]:
    """Public keys by the first 16 hex digits of the SHA-256 of their raw bytes."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    end = b"-----END PUBLIC KEY-----"
    try:
        keys = [load_pem_public_key(block + end) for block in public_key.split(end) if block.strip()]
    except ValueError as err:
        raise UpdateError(f"the app's public key is no PEM ({err})") from err
    raw = [(key.public_bytes_raw(), key) for key in keys if isinstance(key, Ed25519PublicKey)]
    if not raw:
        raise UpdateError("the app's public key is no Ed25519 key")
    return {hashlib.sha256(content).hexdigest()[:16]: key for content, key in raw}


def _read(document: Mapping[str, Any]) -> Update:
    """What a signed document says; who signs wrong types is told so, too."""
    try:
        files = {
            variant: UpdateFile(
                file=str(file["file"]),
                size=int(file["size"]),
                sha256=str(file["sha256"]),
                minimum_runtime=file.get("minimum_runtime"),
                mediapipe=file.get("mediapipe"),
            )
            for variant, file in document["files"].items()
        }
        return Update(
            release=int(document["release"]),
            model_version=int(document["model_version"]),
            released=str(document["released"]),
            minimum_app_version=document["minimum_app_version"],
            labels_sha256=document["labels_sha256"],
            files=files,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as err:
        raise UpdateError(
            f"update.json is not complete ({type(err).__name__}: {err}); keep the model"
        ) from err


def _numbers(version: str) -> tuple[int, ...]:
    """`2.10` is later than `2.9` and as late as `2.10.0`."""
    try:
        numbers = [int(part) for part in version.split(".")]
    except ValueError as err:
        raise UpdateError(f"app version {version!r}: expected numbers and dots such as 2.3.0") from err
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
