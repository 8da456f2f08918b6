"""Pusher: publishes the proven exports where servers and apps take them from."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import Field

from components.core.artifacts import PushedModel, SavedModelExport, TFLiteExport
from components.core.component import Output, Summary, component
from components.core.config import Config
from components.core.errors import StorageError
from components.core.filesystem import (
    exists,
    is_remote,
    open_file,
    publish,
    publishing,
    remove_directory,
    subdirectories,
)

__all__ = ["MANIFEST", "PusherConfig", "pusher"]

MANIFEST = "SHA256SUMS"
"""In every published directory: `sha256sum --check SHA256SUMS` says whether it is what was pushed."""

_KINDS = ("tflite", "saved_model")


class PusherConfig(Config):
    """Where the model goes."""

    destination: str = Field(default="models/emotion", min_length=1)
    """Directory or URI (`gs://`, `s3://`): a local path is taken from the working directory. Its `saved_model` is the
    base path of a model server, its `tflite` holds the files for apps. Give each pipeline one of its own."""


@component()
def pusher(
    *, config: PusherConfig, saved_model: SavedModelExport, tflite: TFLiteExport, pushed: Output[PushedModel]
) -> Summary:
    """Publishes the exports under the next version number.

    ```
    <destination>/saved_model/<version>/    saved_model.pb, variables/, …, SHA256SUMS: TensorFlow Serving's layout
    <destination>/tflite/<version>/         emotion_*.tflite, labels.txt, …, SHA256SUMS
    ```

    1. Takes the next number after the versions that are there; if the newest holds the same files, it stands.
    2. Copies the files for apps, then those for servers, so that what a server finds is complete: each directory
       appears whole or not at all, and none is ever overwritten.
    3. Writes down where they are.

    Raises:
        UserError: the destination cannot be written.
        StorageError: the disk is full, or the same version was pushed by somebody else meanwhile.
    """
    destination = _absolute(config.destination)
    sources = {"saved_model": saved_model.saved_model_dir, "tflite": tflite.path}
    manifests = {kind: _manifest(sources[kind]) for kind in _KINDS}
    newest = max((_newest_version(f"{destination}/{kind}") for kind in _KINDS), default=0)
    stands = all(_holds(f"{destination}/{kind}/{newest}", manifests[kind]) for kind in _KINDS)
    version = newest if stands else newest + 1
    places = {kind: f"{destination}/{kind}/{version}" for kind in _KINDS}
    if not stands:
        _publish_all(sources, manifests, places)
    document = {"version": version, "destination": destination, **places}
    pushed.pushed_path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return {"version": version, "is_new": not stands, **places}


def _absolute(destination: str) -> str:
    destination = destination.rstrip("/") or "/"
    return destination if is_remote(destination) else str(Path(destination).expanduser().resolve())


def _manifest(source: Path) -> str:
    """Lines of `sha256sum` for every file, by name."""
    files = sorted(file for file in source.rglob("*") if file.is_file())
    lines = [f"{_sha256(file)}  {file.relative_to(source).as_posix()}\n" for file in files]
    return "".join(lines)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _newest_version(base: str) -> int:
    return max((int(name) for name in subdirectories(base) if name.isdecimal()), default=0)


def _holds(directory: str, manifest: str) -> bool:
    path = f"{directory}/{MANIFEST}"
    if not exists(path):
        return False
    with open_file(path, "r") as stream:
        return bool(stream.read() == manifest)


def _publish_all(sources: dict[str, Path], manifests: dict[str, str], places: dict[str, str]) -> None:
    """Publishes every kind, or none."""
    done: list[str] = []
    try:
        for kind in _KINDS:
            with _appearing(places[kind]) as staging:
                _copy_files(sources[kind], staging)
                (staging / MANIFEST).write_text(manifests[kind], encoding="utf-8")
            done.append(places[kind])
    except BaseException as err:
        for place in done:
            remove_directory(place)
        if isinstance(err, OSError):
            raise StorageError(
                f"{places[kind]}: cannot be written ({err.strerror or err}); free some space there or set "
                "pusher.destination to another directory. Nothing was published"
            ) from err
        raise


def _copy_files(source: Path, target: Path) -> None:
    for file in source.rglob("*"):
        if file.is_file():
            copy = target / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)


@contextmanager
def _appearing(place: str) -> Iterator[Path]:
    """Yields a directory to fill, which then appears at `place`, here or in an object store."""
    if not is_remote(place):
        with publishing(Path(place)) as staging:
            yield staging
        return
    with tempfile.TemporaryDirectory() as scratch:
        staging = Path(scratch) / "staging"
        staging.mkdir()
        yield staging
        publish(staging, place)
