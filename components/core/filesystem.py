"""Files and directories here and in object stores: found, read and removed. `components.core.atomic_files` writes them.

Paths are local paths or URIs (`gs://`, `s3://`, …) by way of fsspec: unlike `tf.io.gfile` it costs no TensorFlow
import and its in-memory file system makes the remote path testable.
"""

import hashlib
import re
import shutil
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote

from components.core.errors import UserError

__all__ = [
    "content_digest",
    "exists",
    "file_sizes",
    "files_below",
    "is_remote",
    "local_path",
    "matching_paths",
    "open_file",
    "read_file",
    "remote",
    "remote_now",
    "remove_directory",
    "resolve_files",
    "subdirectories",
]


_FILE = "file://"
_HIDDEN = (".", "_")


def is_remote(uri: str) -> bool:
    """Whether `uri` names a file system other than the local one."""
    return "://" in uri and not uri.startswith(_FILE)


def local_path(uri: str) -> str:
    """The path that a `file://` URI names (RFC 8089); everything else as it is.

    Whatever takes a path or URI from a user calls this first: all functions here take the rest for a path.

    Raises:
        UserError: the URI names another machine, as `file://data/texts.csv` does.
    """
    if not uri.startswith(_FILE):
        return uri
    host, slash, path = uri.removeprefix(_FILE).partition("/")
    if not slash or host not in ("", "localhost"):
        raise UserError(f"{uri}: means a file of the machine {host!r}; write {_FILE}/ and the whole path")
    return unquote(f"/{path}")


def remote(uri: str) -> tuple[Any, str]:
    """The file system that a URI names, as fsspec has it, and the path there.

    Raises:
        UserError: its driver is not installed, or the URI is wrong.
    """
    import fsspec

    try:
        return fsspec.core.url_to_fs(uri)  # type: ignore[no-any-return]
    except ImportError as err:
        scheme = uri.partition("://")[0]
        package = {"gs": "gcsfs", "s3": "s3fs"}.get(scheme, f"the fsspec driver for {scheme}://")
        raise UserError(f"{uri}: this needs {package}; install it with `pip install {package}`") from err
    except ValueError as err:
        raise UserError(f"{uri}: {err}") from err


def remote_now(uri: str) -> tuple[Any, str]:
    """Like `remote`, without the driver's memory of listings: others write there, too."""
    filesystem, path = remote(uri)
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
            filesystem, path = remote(uri)
            return filesystem.open(path, mode, encoding=encoding)  # type: ignore[no-any-return]
        return Path(uri).open(mode, encoding=encoding)
    except FileNotFoundError as err:
        raise UserError(f"{uri}: no such file; check the path") from err
    except IsADirectoryError as err:
        raise UserError(f"{uri}: is a directory; name a file") from err
    except PermissionError as err:
        raise UserError(f"{uri}: permission denied; check who may read it") from err


def resolve_files(pattern: str) -> tuple[str, ...]:
    """The files that a path, a glob pattern or a directory names, sorted.

    What begins with `.` or `_` below the part without wildcards is left out, unless the pattern names it so:
    checkpoints of notebooks.

    Raises:
        UserError: nothing is there.
    """
    if is_remote(pattern):
        filesystem, path = remote(pattern)
        scheme = pattern.partition("://")[0]
        inside = f"{path.rstrip('/')}/*" if filesystem.isdir(path) else path
        found = [
            f"{scheme}://{name.lstrip('/')}"
            for name in filesystem.glob(inside)
            if _is_visible(name.lstrip("/"), inside.lstrip("/")) and not filesystem.isdir(name)
        ]
    else:
        local = Path(pattern)
        if local.is_dir():
            entries: Iterable[Path] = local.iterdir()
            local = local / "*"
        elif local.exists():
            return (pattern,)
        else:
            entries = Path(local.anchor).glob(str(local.relative_to(local.anchor)))
        found = [str(entry) for entry in entries if _is_visible(str(entry), str(local)) and entry.is_file()]
    if not found:
        raise UserError(f"{pattern}: no such file; check the path")
    return tuple(sorted(found))


def _is_visible(path: str, pattern: str) -> bool:
    """Whether nothing that the wildcards of the pattern stand for in a path begins with `.` or `_`, but for names that
    the pattern itself begins so (`_export*`)."""
    fixed = re.split(r"[*?\[]", pattern, maxsplit=1)[0].rpartition("/")[0]
    asked = [part for part in pattern.removeprefix(fixed).split("/") if part.startswith(_HIDDEN)]
    hidden = [part for part in path.removeprefix(fixed).split("/") if part.startswith(_HIDDEN)]
    return all(any(fnmatchcase(part, name) for name in asked) for part in hidden)


def matching_paths(pattern: str) -> tuple[str, ...]:
    """The files and directories that a glob pattern matches, sorted; none if nothing is there."""
    if is_remote(pattern):
        filesystem, path = remote(pattern)
        scheme = pattern.partition("://")[0]
        return tuple(sorted(f"{scheme}://{name.strip('/')}" for name in filesystem.glob(path)))
    below = Path(pattern).relative_to(Path(pattern).anchor)
    return tuple(sorted(str(entry) for entry in Path(Path(pattern).anchor).glob(str(below))))


def exists(uri: str) -> bool:
    """Whether a file or directory is there."""
    if is_remote(uri):
        filesystem, path = remote_now(uri)
        return bool(filesystem.exists(path))
    return Path(uri).exists()


def subdirectories(uri: str) -> tuple[str, ...]:
    """Names of the directories in `uri`, sorted; none if it does not exist."""
    if not is_remote(uri):
        root = Path(uri)
        return (
            tuple(sorted(entry.name for entry in root.iterdir() if entry.is_dir())) if root.is_dir() else ()
        )
    filesystem, path = remote_now(uri)
    if not filesystem.isdir(path):
        return ()
    entries = filesystem.ls(path, detail=True)
    return tuple(sorted(Path(entry["name"]).name for entry in entries if entry["type"] == "directory"))


def remove_directory(uri: str) -> None:
    """Removes a directory with all that is in it, if it is there."""
    if not is_remote(uri):
        shutil.rmtree(uri, ignore_errors=True)
        return
    filesystem, path = remote_now(uri)
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
    filesystem, path = remote_now(uri)
    return tuple(sorted(name[len(path) :].lstrip("/") for name in filesystem.find(path)))


def file_sizes(uri: str) -> dict[str, int]:
    """Size in bytes of every file in a directory, by its path in it; none if the directory is not there."""
    if not is_remote(uri):
        root = Path(uri)
        return {name: (root / name).stat().st_size for name in files_below(uri)}
    filesystem, path = remote(uri)
    found = filesystem.find(path, detail=True)
    return {name[len(path) :].lstrip("/"): entry["size"] for name, entry in found.items()}


def read_file(uri: str) -> bytes | None:
    """The content of a small file, None if it is not there: in one request, so that it may be replaced meanwhile."""
    try:
        if is_remote(uri):
            filesystem, path = remote(uri)
            return bytes(filesystem.cat_file(path))
        return Path(uri).read_bytes()
    except FileNotFoundError:
        return None
