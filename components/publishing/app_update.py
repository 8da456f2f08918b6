"""`tflite/update.json`: what an app that is out there should have now. `tflite.update` checks it."""

from typing import Any

from components.publishing.destination import Destination
from components.publishing.history import State

__all__ = ["app_update"]

_PREFIX = "emotion_"
_SUFFIX = ".tflite"


def app_update(destination: Destination, state: State) -> dict[str, Any] | None:
    """The content of `update.json`, unsigned; None before anything is stable. Only strings, whole numbers, booleans and
    nulls, so that every language writes the same canonical JSON."""
    if state.stable is None:
        return None
    version = state.stable
    files = destination.manifest("tflite", version)["files"]
    exported = destination.document(f"tflite/{version}/export.json") if "export.json" in files else {}
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


def _runtime(exported: Any, name: str) -> dict[str, Any]:
    """What runs the file, as the exporter says: the oldest TensorFlow Lite, and whether MediaPipe's classifier does."""
    entries = exported.values() if isinstance(exported, dict) else ()
    entry: dict[str, Any] = next((one for one in entries if one.get("file") == name), {})
    return {"minimum_runtime": entry.get("min_runtime"), "mediapipe": entry.get("mediapipe")}
