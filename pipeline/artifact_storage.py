"""Where artifacts live: a pipeline root on this machine or in an object store, and the local side of it."""

import fcntl
import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from components.core.artifacts import Artifact
from components.core.atomic_files import create_file, download, publish
from components.core.errors import StorageError, UserError
from components.core.filesystem import (
    content_digest,
    exists,
    file_sizes,
    is_remote,
    read_file,
    remove_directory,
    subdirectories,
)
from pipeline.integrity import VerifiedDirectories
from pipeline.metadata.history import History
from pipeline.metadata.location import STORE_FILE

__all__ = ["ArtifactStorage", "storage_of"]

_SECONDS_FOR_A_RUN, _SECONDS_FOR_ORPHANS = 1.0, 10.0
"""How long a root is waited for whose run is alive or just being killed, and one whose run was killed: its workers
notice that and end well within this time."""


class ArtifactStorage:
    """Directories of one pipeline root.

    ```
    <root>/<stage>/<output>/<execution id>/   published artifacts
    <root>/.metadata-store.json               which store keeps account of it
    <work_dir>/metadata.sqlite                what ran (work_dir is the root itself if that is local)
    <work_dir>/reports/<run id>/              report of each run, and the log of each stage that it executed
    <work_dir>/last_run.log                   what the newest run and its libraries logged outside of stages
    <work_dir>/.staging/                      outputs being written, temporary files; emptied at every start
    <work_dir>/.scratch/<stage>/<key>/        unfinished work of a stage that was stopped, by its cache key
    <work_dir>/.downloads/                    local copies of remote artifacts, by digest
    <work_dir>/.verified/                     how artifacts looked when their content was known to be right
    ```
    """

    def __init__(self, root: str, work_dir: str | None = None) -> None:
        """Makes nothing: who only looks leaves nothing behind.

        Raises:
            UserError: the root is remote and there is no `work_dir`.
        """
        self.root = root.rstrip("/") if is_remote(root) else str(Path(root).resolve())
        if is_remote(root) and work_dir is None:
            raise UserError(
                f"root {root} is remote: set `work_dir` to a local directory for the metadata and for staging"
            )
        self.work_dir = Path(work_dir or self.root).resolve()
        self._verified = VerifiedDirectories(self.work_dir / ".verified")

    def prepare(self) -> None:
        """Makes the local directory, for a run.

        Raises:
            UserError: it cannot be made, or not be written.
        """
        try:
            self.work_dir.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise UserError(
                f"{self.work_dir}: cannot make this directory ({err.strerror}); set `root` elsewhere"
            ) from err
        if not os.access(self.work_dir, os.W_OK):
            raise UserError(f"{self.work_dir}: no write permission; set `root` to a directory of yours")

    @property
    def metadata_path(self) -> Path:
        return self.work_dir / STORE_FILE

    def report_dir(self, run_id: int) -> Path:
        return self.work_dir / "reports" / str(run_id)

    def log_path(self, run_id: int, stage: str) -> Path:
        """What a stage wrote to its log, stdout and stderr in a run that executed it."""
        return self.report_dir(run_id) / f"{stage}.log"

    @property
    def run_log(self) -> Path:
        return self.work_dir / "last_run.log"

    def empty_run_log(self) -> None:
        """For a run that holds the root: until then the log may be that of another one at work."""
        if self.run_log.exists():
            os.truncate(self.run_log, 0)

    @contextmanager
    def lock(self, *, on_wait: Callable[[str], None] | None = None) -> Iterator[int]:
        """Holds the root for one run; yields the descriptor that holds it.

        A process that inherits the descriptor holds the root, too: worker processes of a run that was killed keep the
        next one from beginning before they are gone.

        Args:
            on_wait: is told, once, that another run is at work here; then it is waited for. Without it that is an
                error.

        Raises:
            UserError: another run is at work on this root now.
        """
        self.prepare()
        with (self.work_dir / ".lock").open("a+", encoding="utf-8") as handle:
            self._acquire(handle, on_wait)
            handle.truncate(0)
            handle.write(str(os.getpid()))
            handle.flush()
            self._empty_staging()
            yield handle.fileno()

    def _acquire(self, handle: IO[str], on_wait: Callable[[str], None] | None) -> None:
        began, told = time.monotonic(), False
        while not _try_lock(handle):
            handle.seek(0)
            holder = handle.read()
            patience_s = _SECONDS_FOR_A_RUN if _is_alive(holder) else _SECONDS_FOR_ORPHANS
            if on_wait is None and time.monotonic() - began > patience_s:
                raise UserError(
                    f"{self.work_dir}: another run is at work here (process {holder or 'unknown'}); wait for "
                    "it, as `emotion run --wait` does, or set another `root`"
                )
            if on_wait is not None and not told:
                on_wait(f"another run is at work in {self.work_dir} (process {holder or 'unknown'})")
                told = True
            time.sleep(0.05)

    def claim(self, store: str, where: str, *, unknown: Iterable[str] = ()) -> None:
        """Sees to it that one metadata store alone keeps account of this root.

        Two would give one number to two artifacts, and each would take what the other one made for garbage.

        Args:
            store: its name.
            where: its place, for messages.
            unknown: outputs such as `trainer/model` of which it knows nothing here: where one of them is in a
                root that no store has claimed, another one made it.

        Raises:
            UserError: another one keeps account of it.
        """
        mine = {"store": store, "where": f"{where} on {socket.gethostname()}"}
        claim = self.read_claim()
        if claim is None and any(subdirectories(self.uri(output)) for output in unknown):
            claim = {"store": "", "where": f"one other than {where}"}
        if claim is None and not create_file(self._claim_uri, json.dumps(mine).encode()):
            claim = self.read_claim()
        if claim is not None and claim["store"] != store:
            raise UserError(
                f"{self.root}: another metadata store keeps account of what is here: {claim['where']}; two "
                "would mix up their artifacts. Set `metadata` as it was, or to the URL of one database on "
                "all machines, or set another `root`"
            )

    def read_claim(self) -> dict[str, str] | None:
        """Name (`store`) and place (`where`) of the store that keeps account of this root, if one does."""
        found = read_file(self._claim_uri)
        return None if found is None else json.loads(found)

    def require_free(self, stage: str, outputs: Iterable[str], execution_id: int) -> None:
        """Sees to it that what is in an execution's places from now on is its own, to be taken back.

        Raises:
            StorageError: one of them is taken, as in a root whose store was set back to an earlier day.
        """
        for name in outputs:
            place = self.uri(f"{stage}/{name}/{execution_id}")
            if exists(place):
                raise StorageError(
                    f"{place}: exists already, though the metadata store knows nothing of it; set another "
                    "`root`, or bring back the store that made it"
                )

    def stage_outputs(self, execution_id: int, outputs: Mapping[str, type[Artifact]]) -> dict[str, Artifact]:
        """Empty local directories for the outputs of one execution."""
        staged = {}
        for name, kind in outputs.items():
            path = self._staging / str(execution_id) / name
            path.mkdir(parents=True)
            staged[name] = kind(path)
        return staged

    def publish(self, stage: str, name: str, execution_id: int, staged: Artifact) -> tuple[str, str]:
        """Makes a finished output visible; returns the artifact's name and the digest of its content."""
        digest = content_digest(str(staged.path))
        artifact = f"{stage}/{name}/{execution_id}"
        uri = self.uri(artifact)
        publish(staged.path, uri)
        if not is_remote(uri):
            self._verified.remember(Path(uri))
        return artifact, digest

    def retract(self, stage: str, execution_id: int) -> None:
        """Takes back what an execution published that came to no end, and what it had not published yet."""
        for name in subdirectories(f"{self.root}/{stage}"):
            uri = self.uri(f"{stage}/{name}/{execution_id}")
            if is_remote(uri):
                remove_directory(uri)
            elif Path(uri).is_dir():
                # Whole or not at all, here too: it leaves by a rename.
                removed = self._staging / str(execution_id) / f"retracted-{name}"
                removed.parent.mkdir(parents=True, exist_ok=True)
                Path(uri).rename(removed)
                self._verified.forget(Path(uri))
        self.discard_staged(execution_id)

    def uri(self, artifact: str) -> str:
        """Where an artifact of that name is in this root."""
        return f"{self.root}/{artifact}"

    def localize(self, artifact: str, digest: str) -> Path:
        """The artifact of that name as a local directory; a remote one is downloaded once.

        Raises:
            StorageError: what was downloaded is not what was published.
        """
        uri = self.uri(artifact)
        if not is_remote(uri):
            return Path(uri)
        target = self.downloads / digest
        if not target.exists():
            download(uri, target)
            if content_digest(str(target)) != digest:
                shutil.rmtree(target)
                raise StorageError(
                    f"{uri}: the content is not what was published; rerun without cache to rebuild it"
                )
        return target

    def is_intact(self, artifact: str, digest: str) -> bool:
        """Whether the artifact is there and holds what was published; reads only what may have changed."""
        uri = self.uri(artifact)
        try:
            path = self.localize(artifact, digest)
            if not is_remote(uri):
                return self._verified.holds(path, digest)
            if not self._verified.holds(path, digest):
                shutil.rmtree(path)
                path = self.localize(artifact, digest)
            return file_sizes(uri) == file_sizes(str(path))
        except StorageError:
            return False

    def remove(self, place: str) -> None:
        """Deletes a directory of this root."""
        remove_directory(place)
        self._verified.forget(Path(place))

    def discard_staged(self, execution_id: int) -> None:
        shutil.rmtree(self._staging / str(execution_id), ignore_errors=True)

    def scratch_dir(self, stage: str, key: str) -> Path:
        """The local directory of a stage's unfinished work, as an earlier execution with this cache key left it."""
        path = self.scratch_root / stage / key
        path.mkdir(parents=True, exist_ok=True)
        return path

    def discard_scratch(self, stage: str) -> None:
        """Removes a stage's unfinished work under any cache key."""
        shutil.rmtree(self.scratch_root / stage, ignore_errors=True)

    @property
    def scratch_root(self) -> Path:
        return self.work_dir / ".scratch"

    @property
    def temporary(self) -> Path:
        """For temporary files of the stages of one run: what a killed one left, the next one removes."""
        return self._staging / "tmp"

    @property
    def downloads(self) -> Path:
        return self.work_dir / ".downloads"

    @property
    def _claim_uri(self) -> str:
        return f"{self.root}/.metadata-store.json"

    @property
    def _staging(self) -> Path:
        return self.work_dir / ".staging"

    def _empty_staging(self) -> None:
        shutil.rmtree(self._staging, ignore_errors=True)


def storage_of(work_dir: Path, store: History) -> ArtifactStorage:
    """The root of a store: the working directory, wherever that is now, or what lies apart from it."""
    if store.root and not store.owner.endswith(f":{store.root}"):
        return ArtifactStorage(store.root, str(work_dir))
    newest = store.runs(limit=1)
    config = json.loads(newest[0]["config"]) if newest else {}
    root = config.get("root", "")
    elsewhere = is_remote(root) or config.get("work_dir")
    return ArtifactStorage(root if elsewhere else str(work_dir), str(work_dir))


def _try_lock(handle: IO[str]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(holder: str) -> bool:
    """Whether the process that took the lock lives; if it has not written its id yet, it does."""
    if not holder.isdecimal():
        return True
    try:
        os.kill(int(holder), 0)
        state = Path(f"/proc/{holder}/stat").read_text(encoding="utf-8").rpartition(") ")[2]
    except ProcessLookupError:
        return False
    except OSError:
        return True
    # A killed process stays as a zombie until its parent has taken note.
    return not state.startswith("Z")
