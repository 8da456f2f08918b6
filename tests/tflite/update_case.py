"""Writes the signed `update.json` that the samples' checks are held against.

    python -m tests.tflite.update_case

Its key is known to everyone, and its strings hold what JSON writers escape in ways of their own.
"""

import base64
import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.tflite.cleaning_cases import DIRECTORY

__all__ = ["MODEL", "PUBLIC_KEY", "update_json"]

_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))

PUBLIC_KEY = base64.b64encode(
    _KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).decode()
"""The base64 line of its PEM file."""

MODEL = "grün 7\n".encode()
"""Content of the file that the update offers."""


def update_json() -> str:
    """As Pusher writes it."""
    file = {
        "file": "7/emotion_int8.tflite",
        "sha256": hashlib.sha256(MODEL).hexdigest(),
        "size": len(MODEL),
        "minimum_runtime": None,
        "mediapipe": True,
    }
    document = {
        "format_version": 1,
        "release": 3,
        "model_version": 7,
        "released": "2026-11-26",
        "minimum_app_version": "1.10",
        "labels_sha256": None,
        "files": {"int8": file, 'é"\\/\n\x01\x7f😀': {**file, "file": "a/é\t\b\f\r.tflite"}},
    }
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    raw = _KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    signature = {
        "algorithm": "ed25519",
        "key_id": hashlib.sha256(raw).hexdigest()[:16],
        "value": base64.b64encode(_KEY.sign(canonical.encode())).decode(),
    }
    return json.dumps({**document, "signature": signature}, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(DIRECTORY, "update.json").write_text(update_json(), encoding="utf-8")
    print(PUBLIC_KEY)
