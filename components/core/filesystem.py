"""Files here and in object stores, and directories that appear whole or not at all.

Paths are local paths or URIs (`gs://`, `s3://`, …) by way of fsspec: unlike `tf.io.gfile` it costs no TensorFlow
import and its in-memory file system makes the remote path testable.
"""

import hashlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from components.core.errors import StorageError, UserError

__all__ = [
    "content_digest",
    "copy_file",
    "create_file",
    "download",
    "exists",
    "file_sizes",
    "files_below",
    "is_remote",
    "matching_paths",
    "open_file",
    "publish",
    "publishing",
    "read_file",
    "remove_directory",
    "resolve_files",
    "subdirectories",
    "upload",
    "write_atomic",
    "write_file",
]


def is_remote(uri: str) -> bool:
    """Whether `uri` names a file system other than the local one."""
    return "://" in uri and not uri.startswith("file://")


def _remote(uri: str) -> tuple[Any, str]:
    import fsspec

    try:
        return fsspec.core.url_to_fs(uri)  # type: ignore[no-any-return]
    except ImportError as err:
        scheme = uri.partition("://")[0]
        package = {"gs": "gcsfs", "s3": "s3fs"}.get(scheme, f"the fsspec driver for {scheme}://")
        raise UserError(f"{uri}: this needs {package}; install it with `pip install {package}`") from err
    except ValueError as err:
        raise UserError(f"{uri}: {err}") from err


def _remote_now(uri: str) -> tuple[Any, str]:
    """Like `_remote`, without the driver's memory of listings: others write there, too."""
    filesystem, path = _remote(uri)
    filesystem.invalidate_cache()
    return filesystem, path


def open_file(uri: str, mode: str = "rb") -> IO[Any]:
    """Opens a local or remote file; text modes are UTF-8.

    Raises:
        UserError: there is no such file, or it may not be read.
    """
    encoding = None if "b" in mode else "utf-8"
    try:
        if is_remote(uri):
            filesystem, path = _remote(uri)
            return filesystem.open(path, mode, encoding=encoding)  # type: ignore[no-any-return]
        return Path(uri).open(mode, encoding=encoding)
    except FileNotFoundError as err:
        raise UserError(f"{uri}: no such file; check the path") from err
    except IsADirectoryError as err:
        raise UserError(f"{uri}: is a directory; name a file") from err
    except PermissionError as err:
        raise UserError(f"{uri}: permission denied; check who may read it") from err


def resolve_files(pattern: str) -> tuple[str, ...]:
    """The files that a path, a glob pattern or a directory names, sorted; hidden files of a directory are left out.

    Raises:
        UserError: nothing is there.
    """
    if is_remote(pattern):
        filesystem, path = _remote(pattern)
        scheme = pattern.partition("://")[0]
        inside = f"{path.rstrip('/')}/*" if filesystem.isdir(path) else path
        found = [
            f"{scheme}://{name.lstrip('/')}" for name in filesystem.glob(inside) if not filesystem.isdir(name)
        ]
    else:
        local = Path(pattern)
        if local.is_dir():
            found = [str(entry) for entry in local.iterdir() if entry.is_file()]
        elif local.exists():
            return (pattern,)
        else:
            below = local.relative_to(local.anchor)
            found = [str(entry) for entry in Path(local.anchor).glob(str(below)) if entry.is_file()]
    visible = sorted(name for name in found if not Path(name).name.startswith((".", "_")))
    if not visible:
        raise UserError(f"{pattern}: no such file; check the path")
    return tuple(visible)


def matching_paths(pattern: str) -> tuple[str, ...]:
    """The files and directories that a glob pattern matches, sorted; none if nothing is there."""
    if is_remote(pattern):
        filesystem, path = _remote(pattern)
        scheme = pattern.partition("://")[0]
        return tuple(sorted(f"{scheme}://{name.strip('/')}" for name in filesystem.glob(path)))
    below = Path(pattern).relative_to(Path(pattern).anchor)
    return tuple(sorted(str(entry) for entry in Path(Path(pattern).anchor).glob(str(below))))


def exists(uri: str) -> bool:
    """Whether a file or directory is there."""
    if is_remote(uri):
        filesystem, path = _remote_now(uri)
        return bool(filesystem.exists(path))
    return Path(uri).exists()


def subdirectories(uri: str) -> tuple[str, ...]:
    """Names of the directories in `uri`, sorted; none if it does not exist."""
    if not is_remote(uri):
        root = Path(uri)
        return (
            tuple(sorted(entry.name for entry in root.iterdir() if entry.is_dir())) if root.is_dir() else ()
        )
    filesystem, path = _remote_now(uri)
    if not filesystem.isdir(path):
        return ()
    entries = filesystem.ls(path, detail=True)
    return tuple(sorted(Path(entry["name"]).name for entry in entries if entry["type"] == "directory"))


def remove_directory(uri: str) -> None:
    """Removes a directory with all that is in it, if it is there."""
    if not is_remote(uri):
        shutil.rmtree(uri, ignore_errors=True)
        return
    filesystem, path = _remote_now(uri)
    if filesystem.exists(path):
        filesystem.rm(path, recursive=True)


def content_digest(uri: str) -> str:
    """SHA-256 (hex) of a file's bytes, or of a directory's relative file names and bytes."""
    digest = hashlib.sha256()
    if not is_remote(uri) and Path(uri).is_dir():
        root = Path(uri)
        for file in sorted(entry for entry in root.rglob("*") if entry.is_file()):
            digest.update(f"{file.relative_to(root).as_posix()}\0{content_digest(str(file))}\n".encode())
        return digest.hexdigest()
    with open_file(uri) as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def files_below(uri: str) -> tuple[str, ...]:
    """Paths of all files in a directory, relative to it and sorted; one empty path if `uri` is a file itself."""
    if not is_remote(uri):
        root = Path(uri)
        if root.is_file():
            return ("",)
        return tuple(
            sorted(entry.relative_to(root).as_posix() for entry in root.rglob("*") if entry.is_file())
        )
    filesystem, path = _remote_now(uri)
    return tuple(sorted(name[len(path) :].lstrip("/") for name in filesystem.find(path)))


def file_sizes(uri: str) -> dict[str, int]:
    """Size in bytes of every file in a directory, by its path in it; none if the directory is not there."""
    if not is_remote(uri):
        root = Path(uri)
        return {name: (root / name).stat().st_size for name in files_below(uri)}
    filesystem, path = _remote(uri)
    found = filesystem.find(path, detail=True)
    return {name[len(path) :].lstrip("/"): entry["size"] for name, entry in found.items()}


def copy_file(source: str, destination: str) -> None:
    """Copies a file to a path or URI, where it replaces what is there, whole or not at all.

    Raises:
        UserError: there is no such file, or the destination cannot be written.
    """
    try:
        if is_remote(destination):
            filesystem, path = _remote(destination)
            filesystem.put_file(source, path)
            return
        target = Path(destination)
        _make_directory(target.parent)
        partial = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        if is_remote(source):
            filesystem, path = _remote(source)
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


def write_atomic(path: Path, content: str) -> None:
    """Writes a text file so that a reader sees the old content or the new, never a part, after a power loss too."""
    write_file(str(path), content.encode())


def read_file(uri: str) -> bytes | None:
    """The content of a small file, None if it is not there: in one request, so that it may be replaced meanwhile."""
    try:
        if is_remote(uri):
            filesystem, path = _remote(uri)
            return bytes(filesystem.cat_file(path))
        return Path(uri).read_bytes()
    except FileNotFoundError:
        return None


def create_file(uri: str, content: bytes) -> bool:
    """Writes a file that is not there yet, whole or not at all; False if it is there already.

    Of several processes that try at once, one gets True. In S3 and GCS that is a conditional request
    (`If-None-Match: *`, `ifGenerationMatch=0`), here a hard link.

    Raises:
        OSError: it cannot be written.
    """
    if is_remote(uri):
        filesystem, path = _remote(uri)
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
    _fsync(Path(uri).parent)
    return True


def write_file(uri: str, content: bytes) -> None:
    """Writes a file, or replaces it, so that a reader sees the old content or the new, never a part.

    Raises:
        OSError: it cannot be written.
    """
    if is_remote(uri):
        filesystem, path = _remote(uri)
        filesystem.pipe_file(path, content)
        return
    with _partial(Path(uri), content) as written:
        written.replace(uri)
    _fsync(Path(uri).parent)


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


def upload(source: Path, uri: str, *, last: str = "") -> None:
    """Copies a local directory to `uri`, the file named `last` at the end; if that fails, nothing is left there.

    Raises:
        StorageError: something is there already; published directories are never overwritten.
    """
    filesystem, path = _remote_now(uri)
    if filesystem.exists(path):
        raise StorageError(f"{uri}: exists already and is never overwritten")
    _upload(source, filesystem, path, last)


def download(uri: str, destination: Path) -> None:
    """Copies a remote directory to `destination`, which appears whole or not at all."""
    filesystem, path = _remote(uri)
    if not filesystem.exists(path):
        raise StorageError(f"{uri}: is gone; rerun without cache to rebuild it")
    with publishing(destination) as staging:
        for name in filesystem.find(path):
            target = staging / name[len(path) :].lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            filesystem.get_file(name, str(target))


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
