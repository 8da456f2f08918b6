"""Signatures on manifests: an Ed25519 key in PEM, from a file or from the environment."""

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.core.config import FROM_ENVIRONMENT
from components.core.errors import UserError
from serving.public_keys import (
    PublicKeys,
    SignatureError,
    canonical_json,
    key_id_of,
    read_public_keys,
)

__all__ = ["Signer", "load_signer", "load_trusted_keys"]

_HOW = "`openssl genpkey -algorithm ed25519 -out key.pem` makes one"


class Signer:
    """Signs JSON documents; `serving.public_keys` and `tflite.update` check them.

    Args:
        private_key: an Ed25519 key.
        trusted: keys that signed before; None trusts this one alone.

    Attributes:
        key_id: id of the key.
        keys: what must have signed whatever is read back to be signed again.
    """

    def __init__(self, private_key: Any, trusted: PublicKeys | None = None) -> None:
        self._key = private_key
        self.key_id = key_id_of(private_key.public_key())
        earlier = {} if trusted is None else trusted.by_id
        self.keys = PublicKeys({**earlier, self.key_id: private_key.public_key()})

    def sign(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The document with `signature`, which covers the canonical JSON of all other members."""
        unsigned = {name: value for name, value in document.items() if name != "signature"}
        value = base64.b64encode(self._key.sign(canonical_json(unsigned))).decode()
        return {**unsigned, "signature": {"algorithm": "ed25519", "key_id": self.key_id, "value": value}}


def load_signer(key: str | None, trusted_keys: str | None = None) -> Signer | None:
    """Reads a private key.

    Args:
        key: path of a PEM file, or `env:NAME` for PEM text in an environment variable; None signs nothing.
        trusted_keys: path of a PEM file of the public keys that signed before; None trusts the key alone.

    Raises:
        UserError: there is no such key, it is no Ed25519 key, or `cryptography` is not installed.
    """
    if not key:
        return None
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ModuleNotFoundError as err:
        raise UserError(
            "signing needs cryptography; install it with `pip install 'emotion-pipeline[signing]'`"
        ) from err
    pem = _read(key)
    try:
        private_key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as err:
        raise UserError(
            f"signing key {key}: is no unencrypted private key in PEM ({type(err).__name__}); {_HOW}"
        ) from err
    if not isinstance(private_key, Ed25519PrivateKey):
        raise UserError(f"signing key {key}: is a {type(private_key).__name__}, no Ed25519 key; {_HOW}")
    return Signer(private_key, load_trusted_keys(trusted_keys))


def load_trusted_keys(path: str | None) -> PublicKeys | None:
    """Reads the public keys that signed before; None if no file is named.

    Raises:
        UserError: the file cannot be read as public keys.
    """
    try:
        return None if path is None else read_public_keys(Path(path))
    except SignatureError as err:
        raise UserError(str(err)) from err


def _read(key: str) -> bytes:
    if key.startswith(FROM_ENVIRONMENT):
        name = key.removeprefix(FROM_ENVIRONMENT)
        if not (text := os.environ.get(name)):
            raise UserError(
                f"signing key {key}: the environment variable {name} is not set; put the PEM text there"
            )
        return text.encode()
    try:
        return Path(key).expanduser().read_bytes()
    except OSError as err:
        raise UserError(f"signing key {key}: cannot be read ({err.strerror}); {_HOW}") from err
