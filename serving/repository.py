"""The versions of one model: finds new ones, loads them, and drops the old without losing a request."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from serving.errors import NotFoundError, SavedModelError
from serving.predictor import Predictor
from serving.versions import find_versions, newest_version
from serving.warmup import load_warm

__all__ = ["ModelRepository", "VersionState", "VersionStatus"]

_log = logging.getLogger(__name__)


class VersionState(IntEnum):
    """The numbers of TensorFlow Serving's `ModelVersionStatus.State`."""

    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass(frozen=True)
class VersionStatus:
    """Where one version stands; `error` says why it could not be loaded, empty if nothing failed."""

    version: int
    state: VersionState
    error: str = ""


@dataclass(eq=False)
class _Loaded:
    version: int
    predictor: Predictor
    calls: int = 0
    retired: bool = False


class ModelRepository:
    """Serves the newest version under a base path.

    A new version is loaded and warmed up before the old one is dropped, and the old one is freed when its last call
    has returned. A version that cannot be loaded is refused; what was served before goes on.

    Args:
        name: the model's name in requests.
        base_path: directory of version directories.
        load: makes a ready predictor of a version directory.
    """

    def __init__(
        self, name: str, base_path: Path | str, *, load: Callable[[Path], Predictor] = load_warm
    ) -> None:
        self.name = name
        self._base_path = Path(base_path)
        self._load = load
        self._lock = threading.Lock()
        self._serving: _Loaded | None = None
        self._statuses: dict[int, VersionStatus] = {}

    def load_newest(self) -> int:
        """Loads the newest version, whatever is served now; returns its number.

        Raises:
            SavedModelError: there is no version, or the newest cannot be loaded.
        """
        version, directory = newest_version(self._base_path)
        self._set_status(version, VersionState.LOADING)
        try:
            predictor = self._load(directory)
        except SavedModelError as err:
            self._set_status(version, VersionState.END, str(err))
            raise
        self._set_status(version, VersionState.AVAILABLE)
        self._replace(_Loaded(version, predictor))
        _log.info("model %s: version %d is available", self.name, version)
        return version

    def refresh(self) -> None:
        """Loads the newest version if it is neither served nor known to be broken; never raises for a broken one.

        An older version is loaded again when all newer ones have been removed (rollback).
        """
        newest = max(find_versions(self._base_path), default=None)
        with self._lock:
            current = self._serving.version if self._serving else None
            refused = newest in self._statuses and bool(self._statuses[newest].error)
        if newest is None or newest == current or refused:
            return
        try:
            self.load_newest()
        except SavedModelError as err:
            _log.error("model %s: version %d is refused: %s", self.name, newest, err)

    @contextmanager
    def use(self, version: int | None = None) -> Iterator[tuple[int, Predictor]]:
        """Yields the version (the newest if None) and its predictor, which stays loaded inside the block.

        Raises:
            NotFoundError: that version is not served.
        """
        loaded = self._acquire(version)
        try:
            yield loaded.version, loaded.predictor
        finally:
            self._release(loaded)

    def statuses(self) -> tuple[VersionStatus, ...]:
        """Every version that was ever seen, the newest first."""
        with self._lock:
            return tuple(sorted(self._statuses.values(), key=lambda status: -status.version))

    def close(self) -> None:
        """Drops what is served; calls that run now still finish."""
        self._replace(None)

    def _acquire(self, version: int | None) -> _Loaded:
        with self._lock:
            loaded = self._serving
            if loaded is None or version not in (None, loaded.version):
                wanted = f"Latest({self.name})" if version is None else f"Specific({self.name}, {version})"
                raise NotFoundError(f"Servable not found for request: {wanted}")
            loaded.calls += 1
            return loaded

    def _release(self, loaded: _Loaded) -> None:
        with self._lock:
            loaded.calls -= 1
            idle = loaded.retired and loaded.calls == 0
        if idle:
            self._free(loaded)

    def _replace(self, new: _Loaded | None) -> None:
        with self._lock:
            old, self._serving = self._serving, new
            if old is None:
                return
            old.retired = True
            self._statuses[old.version] = VersionStatus(old.version, VersionState.UNLOADING)
            idle = old.calls == 0
        if idle:
            self._free(old)

    def _free(self, loaded: _Loaded) -> None:
        loaded.predictor.close()
        with self._lock:
            # Meanwhile the version may have been loaded once more.
            if self._statuses[loaded.version].state is VersionState.UNLOADING:
                self._statuses[loaded.version] = VersionStatus(loaded.version, VersionState.END)

    def _set_status(self, version: int, state: VersionState, error: str = "") -> None:
        with self._lock:
            self._statuses[version] = VersionStatus(version, state, error)
