"""Ed25519 signatures inside JSON documents, and the public keys that they are checked with."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["PublicKeys", "SignatureError", "canonical_json", "key_id_of", "read_public_keys"]

_ALGORITHM = "ed25519"


class SignatureError(Exception):
    """A document is not signed by whom it should be, or the keys cannot be read."""


@dataclass(frozen=True)
class PublicKeys:
    """Keys that are trusted, by id (`key_id_of`). Several, so that a new one can come before the old one goes."""

    by_id: Mapping[str, Any]

    def check(self, document: Mapping[str, Any]) -> None:
        """Checks `document["signature"]`, which covers the canonical JSON of all other members.

        Raises:
            SignatureError: it is missing, by another key, or the document has changed since.
        """
        from cryptography.exceptions import InvalidSignature

        signature = document.get("signature")
        known = ", ".join(self.by_id)
        if not isinstance(signature, dict):
            raise SignatureError(f"not signed; a signature by key {known} is asked for")
        if signature.get("algorithm") != _ALGORITHM:
            raise SignatureError(f"signed by {signature.get('algorithm')!r}; {_ALGORITHM} is asked for")
        key = self.by_id.get(str(signature.get("key_id")))
        if key is None:
            raise SignatureError(
                f"signed by key {signature.get('key_id')!r}, which is not trusted; {known} is"
            )
        signed = {name: value for name, value in document.items() if name != "signature"}
        try:
            key.verify(base64.b64decode(str(signature.get("value")), validate=True), canonical_json(signed))
        except (InvalidSignature, ValueError, RecursionError) as err:
            raise SignatureError("the signature does not fit: the document was changed after it") from err


def canonical_json(document: Mapping[str, Any]) -> bytes:
    """The bytes that are signed: keys sorted, no white space, UTF-8 without escapes beyond JSON's own.

    For strings, whole numbers, booleans and null that is the JSON Canonicalization Scheme (RFC 8785).
    """
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def key_id_of(public_key: Any) -> str:
    """The first 16 hex digits of the SHA-256 of the raw 32 bytes of an Ed25519 public key."""
    return hashlib.sha256(public_key.public_bytes_raw()).hexdigest()[:16]


def read_public_keys(path: Path) -> PublicKeys:
    """Reads a PEM file of one or several Ed25519 public keys (`openssl pkey -in key.pem -pubout`).

    Raises:
        SignatureError: the file cannot be read or holds something else, or `cryptography` is not installed.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ModuleNotFoundError as err:
        raise SignatureError(
            "signatures need cryptography; `pip install 'emotion-pipeline[signing]'`"
        ) from err
    end = "-----END PUBLIC KEY-----"
    try:
        blocks = [f"{block}{end}" for block in path.read_text(encoding="utf-8").split(end) if block.strip()]
        keys = [load_pem_public_key(block.encode()) for block in blocks]
    except (OSError, ValueError) as err:
        raise SignatureError(f"{path}: cannot be read as public keys in PEM ({err})") from err
    if not keys or not all(isinstance(key, Ed25519PublicKey) for key in keys):
        raise SignatureError(
            f"{path}: holds no Ed25519 public key; `openssl pkey -in key.pem -pubout` writes one"
        )
    return PublicKeys({key_id_of(key): key for key in keys})
