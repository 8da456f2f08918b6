"""`tflite/update.json`: what an app that is out there should have now. `tflite.update` checks it."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from components.core.errors import UserError
from components.publishing.destination import PUSH_ANEW, Destination
from components.publishing.history import State
from serving.public_keys import PublicKeys

__all__ = ["app_update"]

_PREFIX = "emotion_"
_SUFFIX = ".tflite"
_EXPORT = "export.json"


def app_update(
    destination: Destination, state: State, keys: PublicKeys | None = None
) -> dict[str, Any] | None:
    """The content of `update.json`, unsigned; None before anything is stable. Only strings, whole numbers, booleans and
    nulls, so that every language writes the same canonical JSON.

    Args:
        destination: where the stable version is.
        state: says which one that is.
        keys: one of them must have signed its manifest; None asks for no signature.

    Raises:
        UserError: none of the keys has signed it, or a file that is read has changed since.
    """
    if state.stable is None:
        return None
    version = state.stable
    files = destination.manifest("tflite", version, keys)["files"]
    exported = _exported(destination, version, files)
    app = state.settings.app
    return {
        "format_version": 1,
        "release": state.stable_since,
        "model_version": version,
        "released": (app.released or state.versions[version].published.date()).isoformat(),
        "minimum_app_version": app.minimum_app_version,
        "labels_sha256": files["labels.txt"]["sha256"] if "labels.txt" in files else None,
        "files": {
            name.removeprefix(_PREFIX).removesuffix(_SUFFIX): {
                "file": f"{version}/{name}",
                **described,
                **_runtime(exported, name),
            }
            for name, described in files.items()
            if name.endswith(_SUFFIX)
        },
    }


def _exported(destination: Destination, version: int, files: Mapping[str, Any]) -> Any:
    """What the exporter says of the files; nothing if the version does not hold it."""
    if _EXPORT not in files:
        return {}
    content = destination.content(f"tflite/{version}/{_EXPORT}")
    if hashlib.sha256(content).hexdigest() != files[_EXPORT]["sha256"]:
        place = destination.version_dir("tflite", version)
        raise UserError(f"{place}/{_EXPORT}: has changed since it was pushed; {PUSH_ANEW}")
    return json.loads(content)


def _runtime(exported: Any, name: str) -> dict[str, Any]:
    """What runs the file, as the exporter says: the oldest TensorFlow Lite, and whether MediaPipe's classifier does."""
    entries = exported.values() if isinstance(exported, dict) else ()
    entry: dict[str, Any] = next((one for one in entries if one.get("file") == name), {})
    return {"minimum_runtime": entry.get("min_runtime"), "mediapipe": entry.get("mediapipe")}
