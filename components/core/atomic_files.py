"""Files and directories that appear whole or not at all, here and in object stores, and stay after a power loss.

Here by fsync and rename; an object store shows a file when it is complete, and of a directory one file comes last.
"""

import errno
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from components.core.errors import StorageError, UserError
from components.core.filesystem import is_remote, remote, remote_now

__all__ = [
    "copy_file",
    "create_file",
    "download",
    "publish",
    "publishing",
    "upload",
    "write_atomic",
    "write_file",
]

_NO_HARD_LINKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM}
"""What file systems answer that have none, such as exFAT and some of networks."""


def write_atomic(path: Path, content: str) -> None:
    """Writes a text file so that a reader sees the old content or the new, never a part, after a power loss too."""
    write_file(str(path), content.encode())


def write_file(uri: str, content: bytes) -> None:
    """Writes a file, or replaces it, so that a reader sees the old content or the new, never a part.

    Raises:
        OSError: it cannot be written.
    """
    if is_remote(uri):
        filesystem, path = remote(uri)
        filesystem.pipe_file(path, content)
        return
    with _partial(Path(uri), content) as written:
        written.replace(uri)
    _fsync(Path(uri).parent)


def create_file(uri: str, content: bytes) -> bool:
    """Writes a file that is not there yet, whole or not at all; False if it is there already.

    Of several processes that try at once, one gets True. In S3 and GCS that is a conditional request
    (`If-None-Match: *`, `ifGenerationMatch=0`), here a hard link. On a file system without hard links another process
    may see a part of it for a moment.

    Raises:
        OSError: it cannot be written.
    """
    if is_remote(uri):
        filesystem, path = remote(uri)
        try:
            filesystem.pipe_file(path, content, mode="create")
        except FileExistsError:
            return False
        return True
    with _partial(Path(uri), content) as written:
        try:
            os.link(written, uri)
        except FileExistsError:
            return False
        except OSError as err:
            if err.errno not in _NO_HARD_LINKS:
                raise
            return _create_without_link(Path(uri), content)
    _fsync(Path(uri).parent)
    return True


def copy_file(source: str, destination: str) -> None:
    """Copies a file to a path or URI, where it replaces what is there, whole or not at all.

    Raises:
        UserError: there is no such file, or the destination cannot be written.
    """
    try:
        if is_remote(destination):
            filesystem, path = remote(destination)
            filesystem.put_file(source, path)
            return
        target = Path(destination)
        _make_directory(target.parent)
        partial = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        if is_remote(source):
            filesystem, path = remote(source)
            filesystem.get_file(path, str(partial))
        else:
            shutil.copyfile(source, partial)
        _fsync(partial)
        partial.replace(target)
        _fsync(target.parent)
    except FileNotFoundError as err:
        raise UserError(f"{source}: no such file; it cannot be copied to {destination}") from err
    except PermissionError as err:
        raise UserError(f"{destination}: permission denied; check who may write it") from err


def publish(source: Path, destination: str, *, last: str = "") -> None:
    """Makes the finished local directory `source` appear at `destination`, whole or not at all.

    Locally: fsync of every file and directory, then one rename (`source` must be on the same file system), and fsync of
    the directories that lead there, so that a power loss afterwards takes nothing back. In an object store, which has
    no rename of directories, every file is uploaded, that named `last` at the end: who waits for it finds the others.

    Raises:
        StorageError: `destination` exists already; published directories are never overwritten.
    """
    if is_remote(destination):
        upload(source, destination, last=last)
        shutil.rmtree(source)
        return
    target = Path(destination)
    if target.exists():
        raise StorageError(f"{destination}: exists already and is never overwritten")
    _fsync_tree(source)
    _make_directory(target.parent)
    source.rename(target)
    _fsync(target.parent)


@contextmanager
def publishing(destination: Path) -> Iterator[Path]:
    """Yields a hidden directory beside `destination` to fill; on success it is published, on error it is removed."""
    try:
        _make_directory(destination.parent)
        staging = Path(tempfile.mkdtemp(dir=destination.parent, prefix=f".{destination.name}."))
    except OSError as err:
        raise UserError(
            f"{destination.parent}: cannot write here ({err.strerror}); choose another directory"
        ) from err
    try:
        staging.chmod(0o755)
        yield staging
        publish(staging, str(destination))
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def upload(source: Path, uri: str, *, last: str = "") -> None:
    """Copies a local directory to `uri`, the file named `last` at the end; if that fails, nothing is left there.

    Raises:
        StorageError: something is there already; published directories are never overwritten.
    """
    filesystem, path = remote_now(uri)
    if filesystem.exists(path):
        raise StorageError(f"{uri}: exists already and is never overwritten")
    _upload(source, filesystem, path, last)


def download(uri: str, destination: Path) -> None:
    """Copies a remote directory to `destination`, which appears whole or not at all."""
    filesystem, path = remote(uri)
    if not filesystem.exists(path):
        raise StorageError(f"{uri}: is gone; rerun without cache to rebuild it")
    with publishing(destination) as staging:
        for name in filesystem.find(path):
            target = staging / name[len(path) :].lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            filesystem.get_file(name, str(target))


@contextmanager
def _partial(path: Path, content: bytes) -> Iterator[Path]:
    """A file beside `path` with that content, safe on the disk; removed at the end, if it is still there."""
    _make_directory(path.parent)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        partial.write_bytes(content)
        _fsync(partial)
        yield partial
    finally:
        partial.unlink(missing_ok=True)


def _create_without_link(path: Path, content: bytes) -> bool:
    try:
        created = path.open("xb")
    except FileExistsError:
        return False
    try:
        with created:
            created.write(content)
            created.flush()
            os.fsync(created.fileno())
    except BaseException:
        path.unlink()
        raise
    _fsync(path.parent)
    return True


def _upload(source: Path, filesystem: Any, path: str, last: str) -> None:
    """Uploads every file, the deepest first: who finds a directory's top files finds all of it. Removes it on error."""
    files = [file.relative_to(source) for file in source.rglob("*") if file.is_file()]
    try:
        for file in sorted(
            files, key=lambda file: (file.as_posix() == last, -len(file.parts), file.as_posix())
        ):
            filesystem.put_file(str(source / file), f"{path}/{file.as_posix()}")
    except BaseException:
        if filesystem.exists(path):
            filesystem.rm(path, recursive=True)
        raise


def _fsync_tree(root: Path) -> None:
    for directory, _, files in os.walk(root):
        for name in files:
            _fsync(Path(directory) / name)
        _fsync(Path(directory))


def _make_directory(path: Path) -> None:
    """Makes a directory and those above it, each of them there to stay after a power loss."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for each in missing:
        _fsync(each.parent)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
