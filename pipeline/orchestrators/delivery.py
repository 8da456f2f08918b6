"""Bringing artifacts to the machine that a stage runs on, and from there to where the orchestrator wants them."""

import errno
import shutil
from pathlib import Path

from components.core.atomic_files import download, publishing, upload
from components.core.errors import StorageError, UserError
from components.core.filesystem import exists, is_remote, remove_directory

__all__ = ["absolute", "deliver", "fetch", "is_occupied"]

_MOUNTS = {"gs://": "/gcs/", "s3://": "/s3/"}
"""Where Kubeflow and Vertex AI show the objects of a bucket as files."""

_NO_RENAME = {errno.ENOTSUP, errno.ENOSYS, errno.EXDEV, errno.EMFILE, errno.EINVAL}
"""What file systems over object stores answer to the renaming or syncing of a directory (gcsfuse: EMFILE)."""


def absolute(place: str) -> str:
    """What another machine can find the place by: a URI, also for a path below a mounted bucket, or a whole path."""
    if is_remote(place):
        return place
    path = str(Path(place).absolute())
    for scheme, mount in _MOUNTS.items():
        if path.startswith(mount):
            return scheme + path.removeprefix(mount)
    return path


def fetch(uri: str, into: Path) -> Path:
    """The artifact as a local directory: itself or its mounted twin, else a copy in `into`, which must not exist.

    Raises:
        UserError: there is no such directory.
    """
    for scheme, mount in _MOUNTS.items():
        mounted = Path(mount + uri.removeprefix(scheme))
        if uri.startswith(scheme) and mounted.is_dir():
            return mounted
    if not is_remote(uri):
        if not Path(uri).is_dir():
            raise UserError(f"{uri}: no such directory; give the output of the stage that makes it")
        return Path(uri)
    if not exists(uri):
        raise UserError(f"{uri}: there is nothing; give the output of the stage that makes it")
    download(uri, into)
    return into


def is_occupied(uri: str) -> bool:
    """Whether something is there already; an empty directory is nothing."""
    return exists(uri) if is_remote(uri) else Path(uri).is_dir() and any(Path(uri).iterdir())


def deliver(source: Path, destination: str, *, replace: bool = False) -> None:
    """Copies a local directory to a path or URI, where it appears whole or not at all.

    Where a mounted object store cannot rename a directory, the files are copied one by one, the deepest first, and
    removed if that fails; there, and in an object store, only who waits for the stage to end is sure to find all.

    Args:
        source: the directory.
        destination: path or URI.
        replace: whether what an earlier try left at the destination is removed.

    Raises:
        StorageError: something is there already, or it cannot be written.
    """
    if not is_remote(destination) and source.resolve() == Path(destination).resolve():
        return
    if is_occupied(destination):
        if not replace:
            raise StorageError(f"{destination}: exists already and is never overwritten")
        remove_directory(destination)
    if is_remote(destination):
        upload(source, destination)
        return
    target = Path(destination)
    if target.is_dir():
        target.rmdir()
    try:
        with publishing(target) as staging:
            shutil.copytree(source, staging, dirs_exist_ok=True)
    except OSError as err:
        if err.errno not in _NO_RENAME:
            raise
        _copy_in_place(source, target)


def _copy_in_place(source: Path, target: Path) -> None:
    files = [file.relative_to(source) for file in source.rglob("*") if file.is_file()]
    try:
        for file in sorted(files, key=lambda file: (-len(file.parts), file.as_posix())):
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / file, target / file)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
