"""A server holds what it loads against the manifest that came with it."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from serving.errors import ServerStartError
from serving.manifest import MANIFEST_FILE, describe_file
from serving.public_keys import canonical_json, key_id_of
from serving.server import ModelServer, ServerConfig
from tests.serving.conftest import publish


def push(version: Path, directory: Path, key: Ed25519PrivateKey | None = None) -> Path:
    """Publishes a version with its manifest, signed if there is a key."""
    files = {
        path.relative_to(version).as_posix(): describe_file(path)
        for path in version.rglob("*")
        if path.is_file()
    }
    manifest: dict[str, Any] = {"format_version": 1, "version": int(directory.name), "files": files}
    if key:
        value = base64.b64encode(key.sign(canonical_json(manifest))).decode()
        manifest["signature"] = {
            "algorithm": "ed25519",
            "key_id": key_id_of(key.public_key()),
            "value": value,
        }
    staging = publish(version, directory.parent.parent / "staging" / directory.name)
    (staging / MANIFEST_FILE).write_text(json.dumps(manifest))
    directory.parent.mkdir(exist_ok=True)
    return staging.rename(directory)


@contextmanager
def serving(base_path: Path, **settings: Any) -> Iterator[ModelServer]:
    config = ServerConfig(
        model_base_path=base_path, host="127.0.0.1", port=0, file_system_poll_wait_seconds=0, **settings
    )
    with ModelServer(config) as server:
        yield server


def available(server: ModelServer) -> tuple[tuple[int, ...], str]:
    """Versions that are served, and why others are not."""
    server.models.refresh()
    (repository,) = server.models.repositories.values()
    errors = repository.errors() if repository.refused else {}
    return repository.available, " ".join(errors.values())


def test_a_damaged_version_is_refused_and_the_old_one_serves_on(half_plus_two: Path, tmp_path: Path) -> None:
    base = tmp_path / "half"
    push(half_plus_two, base / "1")
    with serving(base) as server:
        # One bit of the weights: TensorFlow itself would load it and answer wrong.
        damaged = push(half_plus_two, tmp_path / "copied" / "2")
        data = damaged / "variables" / "variables.data-00000-of-00001"
        content = bytearray(data.read_bytes())
        content[0] ^= 1
        data.write_bytes(content)
        damaged.rename(base / "2")
        versions, why = available(server)
        assert versions == (1,)
        assert "variables/variables.data-00000-of-00001 has changed" in why
        assert (
            b'emotion_serving_version_refused{model_name="default",version="2"} 1.0' in server.metrics.page()
        )
        push(half_plus_two, base / "3")
        assert available(server)[0] == (3,)


def test_only_what_a_trusted_key_signed_is_served(half_plus_two: Path, tmp_path: Path) -> None:
    base, key = tmp_path / "half", Ed25519PrivateKey.generate()
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    push(half_plus_two, base / "1", key)
    with serving(base, trusted_keys_file=trusted) as server:
        for number, (signer, reason) in enumerate(
            [(None, "not signed"), (Ed25519PrivateKey.generate(), "not trusted")], start=2
        ):
            push(half_plus_two, base / str(number), signer)
            versions, why = available(server)
            assert versions == (1,)
            assert reason in why
        publish(half_plus_two, base / "4")
        assert f"no {MANIFEST_FILE}" in available(server)[1]


def test_keys_that_cannot_be_read_stop_the_start(half_plus_two: Path, tmp_path: Path) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    with (
        pytest.raises(ServerStartError, match="no-such-file"),
        serving(tmp_path / "half", trusted_keys_file=tmp_path / "no-such-file"),
    ):
        pass
