"""Where artifacts live: a pipeline root on this machine or in an object store, and the local side of it."""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from components.core.artifacts import Artifact
from components.core.errors import StorageError, UserError
from components.core.filesystem import (
    content_digest,
    download,
    file_sizes,
    is_remote,
    publish,
    remove_directory,
)
from pipeline.integrity import VerifiedDirectories
from pipeline.metadata.location import STORE_FILE

__all__ = ["ArtifactStorage"]


class ArtifactStorage:
    """Directories of one pipeline root.

    ```
    <root>/<stage>/<output>/<execution id>/   published artifacts
    <work_dir>/metadata.sqlite                what ran (work_dir is the root itself if that is local)
    <work_dir>/reports/<run id>/              report and log of each run
    <work_dir>/.staging/                      outputs being written; emptied at every start
    <work_dir>/.scratch/<stage>/<key>/        unfinished work of a stage that was stopped, by its cache key
    <work_dir>/.downloads/                    local copies of remote artifacts, by digest
    <work_dir>/.verified/                     how artifacts looked when their content was known to be right
    ```
    """

    def __init__(self, root: str, work_dir: str | None = None) -> None:
        self.root = root.rstrip("/") if is_remote(root) else str(Path(root).resolve())
        if is_remote(root) and work_dir is None:
            raise UserError(
                f"root {root} is remote: set `work_dir` to a local directory for the metadata and for staging"
            )
        self.work_dir = Path(work_dir or self.root).resolve()
        try:
            self.work_dir.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise UserError(
                f"{self.work_dir}: cannot make this directory ({err.strerror}); set `root` elsewhere"
            ) from err
        if not os.access(self.work_dir, os.W_OK):
            raise UserError(f"{self.work_dir}: no write permission; set `root` to a directory of yours")
        self._verified = VerifiedDirectories(self.work_dir / ".verified")

    @property
    def metadata_path(self) -> Path:
        return self.work_dir / STORE_FILE

    def report_dir(self, run_id: int) -> Path:
        return self.work_dir / "reports" / str(run_id)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Holds the root for one run.

        Raises:
            UserError: another process runs on this root now.
        """
        with (self.work_dir / ".lock").open("a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as err:
                raise UserError(
                    f"{self.work_dir}: another run is at work here; wait for it or set another `root`"
                ) from err
            self._empty_staging()
            yield

    def stage_outputs(self, execution_id: int, outputs: Mapping[str, type[Artifact]]) -> dict[str, Artifact]:
        """Empty local directories for the outputs of one execution."""
        staged = {}
        for name, kind in outputs.items():
            path = self._staging / str(execution_id) / name
            path.mkdir(parents=True)
            staged[name] = kind(path)
        return staged

    def publish(self, stage: str, name: str, execution_id: int, staged: Artifact) -> tuple[str, str]:
        """Makes a finished output visible; returns its URI and the digest of its content."""
        digest = content_digest(str(staged.path))
        uri = f"{self.root}/{stage}/{name}/{execution_id}"
        publish(staged.path, uri)
        if not is_remote(uri):
            self._verified.remember(Path(uri))
        return uri, digest

    def localize(self, uri: str, digest: str) -> Path:
        """The artifact as a local directory; a remote one is downloaded once.

        Raises:
            StorageError: what was downloaded is not what was published.
        """
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

    def is_intact(self, uri: str, digest: str) -> bool:
        """Whether the artifact is there and holds what was published; reads only what may have changed."""
        try:
            path = self.localize(uri, digest)
            if not is_remote(uri):
                return self._verified.holds(path, digest)
            if not self._verified.holds(path, digest):
                shutil.rmtree(path)
                path = self.localize(uri, digest)
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
    def downloads(self) -> Path:
        return self.work_dir / ".downloads"

    @property
    def _staging(self) -> Path:
        return self.work_dir / ".staging"

    def _empty_staging(self) -> None:
        shutil.rmtree(self._staging, ignore_errors=True)
