"""Where the metadata store of a pipeline root is: in a file of it, or in a database that others share."""

import json
import os
import socket
from pathlib import Path

from components.core.atomic_files import write_atomic
from components.core.errors import UserError
from pipeline.metadata.store import MetadataStore

__all__ = [
    "STORE_FILE",
    "has_store",
    "last_used",
    "open_configured_store",
    "open_store",
    "open_store_to_run",
    "remember_store",
    "was_used",
]

STORE_FILE = "metadata.sqlite"

_POINTER = "metadata.json"
"""Beside it or instead of it: which shared database has been used, without the password."""

_URL_VARIABLE = "EMOTION_METADATA"


def open_store_to_run(work_dir: Path, root: str, url: str | None) -> MetadataStore:
    """The store for a run as it is configured; later commands find it once the run has claimed the root.

    Args:
        work_dir: local directory of the pipeline root.
        root: the pipeline root.
        url: of a database that may be shared with other roots; None for a file in `work_dir`.
    """
    if url is None:
        return MetadataStore(work_dir / STORE_FILE)
    return MetadataStore(url, root=root, owner=f"{socket.gethostname()}:{work_dir}")


def open_configured_store(work_dir: Path, root: str, url: str | None) -> MetadataStore | None:
    """The store that a run would use, as `open_store_to_run`, to look into it; None if there is none yet."""
    if url is None and not (work_dir / STORE_FILE).is_file():
        return None
    return open_store_to_run(work_dir, root, url)


def remember_store(work_dir: Path, store: MetadataStore) -> None:
    """Lets later commands find the store that a run in `work_dir` uses."""
    pointer = work_dir / _POINTER
    if not store.root:
        pointer.unlink(missing_ok=True)
        return
    place = {"url": store.url, "root": store.root, "owner": store.owner}
    write_atomic(pointer, json.dumps(place, indent=2) + "\n")


def was_used(root: str, store: MetadataStore) -> bool:
    """Whether a shared database was the last one used in a root that holds its pointer, wherever that was then."""
    pointer = Path(root) / _POINTER
    return pointer.is_file() and json.loads(pointer.read_text(encoding="utf-8"))["url"] == store.url


def has_store(work_dir: Path) -> bool:
    """Whether `work_dir` is that of a pipeline root in which something ran."""
    return (work_dir / STORE_FILE).is_file() or (work_dir / _POINTER).is_file()


def last_used(work_dir: Path) -> float:
    """When something ran there last, seconds since 1970."""
    # What a run writes stands in the log beside the file until that is closed.
    files = (work_dir / name for name in (STORE_FILE, f"{STORE_FILE}-wal", _POINTER))
    return max(path.stat().st_mtime for path in files if path.is_file())


def open_store(work_dir: Path) -> MetadataStore:
    """The store that the last run in `work_dir` used.

    Raises:
        UserError: nothing ran there.
    """
    pointer = work_dir / _POINTER
    if pointer.is_file():
        place = json.loads(pointer.read_text(encoding="utf-8"))
        url = os.environ.get(_URL_VARIABLE, place["url"])
        return MetadataStore(url, root=place["root"], owner=place["owner"])
    if not (work_dir / STORE_FILE).is_file():
        raise UserError(
            f"{work_dir}: is no pipeline root in which something ran (no {STORE_FILE}); name the `root` of a "
            "configuration"
        )
    return MetadataStore(work_dir / STORE_FILE)
