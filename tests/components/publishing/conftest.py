"""A destination that models of one byte or two are pushed to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from components.publishing.destination import Destination
from components.publishing.releases import Pushed, Releases
from components.publishing.settings import PublishingSettings, ServedAsConfig
from components.publishing.signing import Signer, load_signer

LABELLED = PublishingSettings(served_as=ServedAsConfig(settle_seconds=0))


class Publisher:
    """Pushes models whose files are what they are called."""

    def __init__(self, directory: Path, uri: str, signer: Signer | None = None) -> None:
        self.directory = directory
        self.destination = Destination(uri)
        self.releases = Releases(self.destination, signer)

    def push(self, content: str, settings: PublishingSettings | None = None, **options: Any) -> Pushed:
        sources = {}
        for kind, name in (("saved_model", "saved_model.pb"), ("tflite", "emotion_int8.tflite")):
            sources[kind] = self.directory / content / kind
            sources[kind].mkdir(parents=True, exist_ok=True)
            (sources[kind] / name).write_text(content)
        (sources["tflite"] / "labels.txt").write_text("joy\n")
        (sources["tflite"] / "export.json").write_text(
            '{"int8": {"file": "emotion_int8.tflite", "min_runtime": "1.14.0", "mediapipe": true}}'
        )
        lineage = {"pipeline": "toy", "run_id": 1}
        return self.releases.push(
            sources, lineage=lineage, settings=settings or PublishingSettings(), **options
        )

    def holds(self, version: int) -> str:
        """What the model of a version is."""
        return (Path(self.destination.version_dir("saved_model", version)) / "saved_model.pb").read_text()

    @property
    def versions(self) -> list[int]:
        """The directories that a server sees."""
        return sorted(int(path.name) for path in Path(self.destination.uri, "saved_model").glob("[0-9]*"))


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path / "exports", str(tmp_path / "models"))


class Key:
    """An Ed25519 key in two PEM files."""

    def __init__(self, directory: Path, name: str) -> None:
        private = Ed25519PrivateKey.generate()
        self.private, self.public = directory / f"{name}.pem", directory / f"{name}.pub.pem"
        self.private.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.public.write_bytes(public)
        signer = load_signer(str(self.private))
        assert signer is not None
        self.signer = signer


@pytest.fixture
def make_key(tmp_path: Path) -> Callable[[str], Key]:
    return lambda name: Key(tmp_path, name)
