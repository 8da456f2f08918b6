"""A destination: its layout, and the reading and writing of whole versions in it.

```
<destination>/
  saved_model/<version>/       TensorFlow Serving's layout, and manifest.json
  tflite/<version>/            the files for apps, and manifest.json
  tflite/update.json           what apps should have now
  models.config                if `served_as` is set
  inference_service.yaml       if `kserve` is set
  history/<number>.json        what happened
```
"""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from components.core.atomic_files import download, publish, publishing, write_file
from components.core.errors import StorageError, UserError
from components.core.filesystem import (
    exists,
    is_remote,
    local_path,
    read_file,
    remove_directory,
    subdirectories,
)
from components.publishing.history import History
from serving.manifest import MANIFEST_FILE, Manifest, ManifestError, check_manifest, parse_manifest
from serving.public_keys import PublicKeys

__all__ = ["KINDS", "PUSH_ANEW", "Destination"]

KINDS = ("tflite", "saved_model")
"""In the order in which they appear: what a server finds has its twin for apps already."""

_LAST = {"saved_model": "saved_model.pb", "tflite": MANIFEST_FILE}
"""The file that an object store gets last: without it servers and readers take a version for not there yet."""

PUSH_ANEW = "push once without `canary`, which publishes a new version"
"""What helps where the stable version cannot be told of; its files stay for those that have been told already."""

_IF_KEY_CHANGED = "if the key was changed, name the old public key (pusher.trusted_keys, or --trusted-keys)"


class Destination:
    """A directory or URI that versions are published in."""

    def __init__(self, uri: str) -> None:
        uri = local_path(uri).rstrip("/") or "/"
        self.uri = uri if is_remote(uri) else str(Path(uri).expanduser().resolve())
        self.history = History(f"{self.uri}/history")

    def __str__(self) -> str:
        return self.uri

    def version_dir(self, kind: str, version: int) -> str:
        return f"{self.uri}/{kind}/{version}"

    def places(self, version: int) -> dict[str, str]:
        """The directory of each kind of a version."""
        return {kind: self.version_dir(kind, version) for kind in ("saved_model", "tflite")}

    def holds(self, version: int) -> bool:
        """Whether all kinds of a version are there, whole."""
        return all(
            exists(f"{self.version_dir(kind, version)}/{name}")
            for kind in KINDS
            for name in {MANIFEST_FILE, _LAST[kind]}
        )

    def has_parts(self, version: int) -> bool:
        """Whether anything of a version is there."""
        return any(exists(self.version_dir(kind, version)) for kind in KINDS)

    def highest_directory(self) -> int:
        """The highest number that a directory has; 0 without any. Somebody may have put versions there by hand."""
        names = (name for kind in KINDS for name in subdirectories(f"{self.uri}/{kind}"))
        return max((int(name) for name in names if name.isdecimal()), default=0)

    def manifest(self, kind: str, version: int, keys: PublicKeys | None = None) -> Manifest:
        """The manifest of a version; the files are not read.

        Raises:
            UserError: it is that of something else, or none of `keys` has signed it.
        """
        source = f"{self.version_dir(kind, version)}/{MANIFEST_FILE}"
        try:
            manifest = parse_manifest(
                self.content(f"{kind}/{version}/{MANIFEST_FILE}"), source=source, keys=keys
            )
            _check_kind(manifest, kind, source)
            if manifest.get("version") != version:
                raise ManifestError(f"{source}: is that of version {manifest.get('version')}")
        except ManifestError as err:
            raise UserError(
                f"{err}; {_IF_KEY_CHANGED}; if it was never signed or is damaged, {PUSH_ANEW}"
            ) from err
        return manifest

    def content(self, name: str) -> bytes:
        content = read_file(f"{self.uri}/{name}")
        if content is None:
            raise StorageError(f"{self.uri}/{name}: is gone; {PUSH_ANEW}")
        return content

    def write(self, name: str, content: str) -> None:
        """Writes a file at the top, or replaces it, whole."""
        write_file(f"{self.uri}/{name}", content.encode())

    def publish(self, version: int, sources: Mapping[str, Path], manifests: Mapping[str, Manifest]) -> None:
        """Makes every kind of a version appear, each whole, or none.

        Args:
            version: a number that nobody else has.
            sources: directory of each kind.
            manifests: of each kind.

        Raises:
            StorageError: the destination cannot be written; nothing of the version is there.
        """
        done: list[str] = []
        place = ""
        try:
            for kind in KINDS:
                place = self.version_dir(kind, version)
                with _appearing(place, last=_LAST[kind]) as staging:
                    _copy_files(sources[kind], staging)
                    text = json.dumps(manifests[kind], indent=2, ensure_ascii=False) + "\n"
                    (staging / MANIFEST_FILE).write_text(text, encoding="utf-8")
                done.append(place)
        except BaseException as err:
            for whole in done:
                remove_directory(whole)
            if isinstance(err, OSError):
                raise StorageError(
                    f"{place}: cannot be written ({err.strerror or err}); free some space there or set "
                    "pusher.destination to another directory. Nothing was published"
                ) from err
            raise

    @contextmanager
    def fetched(
        self, version: int, keys: PublicKeys | None = None
    ) -> Iterator[tuple[dict[str, Path], dict[str, Manifest]]]:
        """Local directories and manifests of a version's kinds; every file is what the manifest says.

        Raises:
            UserError: the version is not there, is damaged, or none of `keys` has signed it.
        """
        with tempfile.TemporaryDirectory() as scratch:
            found, manifests = {}, {}
            for kind in KINDS:
                place = self.version_dir(kind, version)
                local = Path(scratch) / kind / str(version) if is_remote(place) else Path(place)
                try:
                    if is_remote(place):
                        download(place, local)
                    manifests[kind] = check_manifest(local, keys)
                    _check_kind(manifests[kind], kind, place)
                except (ManifestError, StorageError) as err:
                    raise UserError(
                        f"version {version} cannot be served again: {err}; {_IF_KEY_CHANGED}"
                    ) from err
                found[kind] = local
            yield found, manifests

    def delete(self, version: int) -> None:
        """Removes a version so that no part of it is ever taken for a whole one."""
        for kind in reversed(KINDS):
            place = self.version_dir(kind, version)
            if is_remote(place):
                remove_directory(f"{place}/{_LAST[kind]}")
                remove_directory(place)
            elif Path(place).is_dir():
                hidden = Path(place).with_name(f".{version}.deleted")
                Path(place).rename(hidden)
                remove_directory(str(hidden))


def _check_kind(manifest: Manifest, kind: str, source: str) -> None:
    """Of two kinds of one version, both signed, one may stand in the place of the other."""
    if manifest.get("kind") != kind:
        raise ManifestError(f"{source}: is of kind {manifest.get('kind')!r}, not {kind!r}")


def _copy_files(source: Path, target: Path) -> None:
    for file in source.rglob("*"):
        if file.is_file():
            copy = target / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)


@contextmanager
def _appearing(place: str, *, last: str) -> Iterator[Path]:
    """Yields a directory to fill, which then appears at `place`, here or in an object store."""
    if not is_remote(place):
        with publishing(Path(place)) as staging:
            yield staging
        return
    with tempfile.TemporaryDirectory() as scratch:
        staging = Path(scratch) / "staging"
        staging.mkdir()
        yield staging
        publish(staging, place, last=last)
