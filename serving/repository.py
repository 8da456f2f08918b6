"""The versions of one model: finds new ones, loads them, and drops the old without losing a request."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from serving.engine import Engine
from serving.errors import NotFoundError, SavedModelError
from serving.model_config import ModelSettings
from serving.predictor import Predictor
from serving.versions import find_versions
from serving.warmup import load_warm

__all__ = ["ModelRepository", "Retries", "VersionState", "VersionStatus"]

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


@dataclass(frozen=True)
class Retries:
    """How often a version that could not be loaded is tried again, and how many seconds lie between."""

    count: int = 5
    interval_seconds: float = 60.0


@dataclass(eq=False)
class _Loaded:
    version: int
    predictor: Predictor
    calls: int = 0
    retired: bool = False


@dataclass
class _Refused:
    attempts: int
    at: float


class ModelRepository:
    """Serves the versions of a model that its policy chooses.

    New versions are loaded and warmed up before old ones are dropped, and a version is freed when its last call has
    returned. A version that cannot be loaded is refused; what was served before goes on.

    Args:
        settings: the model; `configure` changes them.
        load: makes a ready predictor of a version directory.
        retries: of versions that could not be loaded.
    """

    def __init__(
        self,
        settings: ModelSettings,
        *,
        load: Callable[[Path], Predictor] = load_warm,
        retries: Retries | None = None,
    ) -> None:
        self.name = settings.name
        self._settings = settings
        self._load = load
        self._retries = retries or Retries()
        self._refreshing = threading.Lock()
        self._closed = False
        self._lock = threading.Lock()
        self._serving: dict[int, _Loaded] = {}
        self._statuses: dict[int, VersionStatus] = {}
        self._refused: dict[int, _Refused] = {}

    @property
    def available(self) -> tuple[int, ...]:
        """The versions that are served, ascending."""
        with self._lock:
            return tuple(sorted(self._serving))

    @property
    def refused(self) -> tuple[int, ...]:
        """The versions that should be served but could not be loaded, ascending."""
        with self._lock:
            return tuple(sorted(self._refused))

    def errors(self) -> dict[int | None, str]:
        """Why versions could not be loaded, by number; that there is none to load stands under None."""
        with self._lock:
            found: dict[int | None, str] = {
                version: self._statuses[version].error for version in sorted(self._refused)
            }
        return found or {
            None: f"{self._settings.base_path}: holds no version to serve (expected <number>/saved_model.pb); push a "
            "model there or name another directory"
        }

    def configure(self, settings: ModelSettings) -> None:
        """Changes base path and policy; `refresh` acts on it."""
        self._settings = settings

    def refresh(self) -> None:
        """Loads what the policy chooses and drops the rest; never raises for a version that cannot be loaded.

        Nothing is dropped as long as none of the versions chosen is available: an emptied base path does not stop
        the service, and neither does a release that is broken.
        """
        with self._refreshing:
            if self._closed:
                return
            found = find_versions(self._settings.base_path)
            chosen = self._settings.policy(found)
            with self._lock:
                for version in set(self._refused) - set(chosen):
                    del self._refused[version]
            # The newest first: it is what most requests want.
            for version in sorted(chosen, reverse=True):
                if self._is_due(version):
                    self._try_to_load(version, chosen[version])
            self._drop_all_but(chosen)

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

    def engine(self, version: int) -> Engine | None:
        """What runs that version, to be looked at and not to be called; None if it is not served."""
        with self._lock:
            loaded = self._serving.get(version)
        return loaded.predictor.engine if loaded else None

    def statuses(self) -> tuple[VersionStatus, ...]:
        """Every version that was ever seen, the newest first."""
        with self._lock:
            return tuple(sorted(self._statuses.values(), key=lambda status: -status.version))

    def close(self) -> None:
        """Drops what is served; calls that run now still finish."""
        with self._refreshing:
            self._closed = True
            self._retire(self.available)

    def _is_due(self, version: int) -> bool:
        with self._lock:
            if version in self._serving:
                return False
            refused = self._refused.get(version)
        if refused is None:
            return True
        waited = time.monotonic() - refused.at >= self._retries.interval_seconds
        return waited and refused.attempts <= self._retries.count

    def _try_to_load(self, version: int, directory: Path) -> None:
        self._set_status(version, VersionState.LOADING)
        try:
            predictor = self._load(directory)
        except Exception as err:  # whatever a broken model does, the others go on
            with self._lock:
                attempts = self._refused[version].attempts + 1 if version in self._refused else 1
                self._refused[version] = _Refused(attempts, time.monotonic())
            self._set_status(version, VersionState.END, str(err))
            unforeseen = not isinstance(err, SavedModelError)
            _log.error("model %s: version %d is refused: %s", self.name, version, err, exc_info=unforeseen)
            return
        with self._lock:
            self._refused.pop(version, None)
            self._serving[version] = _Loaded(version, predictor)
            self._statuses[version] = VersionStatus(version, VersionState.AVAILABLE)
        _log.info("model %s: version %d is available", self.name, version)

    def _drop_all_but(self, chosen: Mapping[int, Path]) -> None:
        available = self.available
        superfluous = [version for version in available if version not in chosen]
        waiting_for = set(chosen) - set(available)
        # As long as a version is missing, the newest superfluous one stands in for it.
        if superfluous and (waiting_for or not chosen) and len(superfluous) == len(available):
            superfluous.remove(max(superfluous))
        self._retire(superfluous)

    def _acquire(self, version: int | None) -> _Loaded:
        with self._lock:
            loaded = self._serving.get(max(self._serving, default=-1) if version is None else version)
            if loaded is None:
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

    def _retire(self, versions: tuple[int, ...] | list[int]) -> None:
        for version in versions:
            with self._lock:
                old = self._serving.pop(version)
                old.retired = True
                self._statuses[version] = VersionStatus(version, VersionState.UNLOADING)
                idle = old.calls == 0
            if idle:
                self._free(old)

    def _free(self, loaded: _Loaded) -> None:
        loaded.predictor.close()
        with self._lock:
            # Meanwhile the version may have been loaded once more.
            if self._statuses[loaded.version].state is VersionState.UNLOADING:
                self._statuses[loaded.version] = VersionStatus(loaded.version, VersionState.END)
        _log.info("model %s: version %d is unloaded", self.name, loaded.version)

    def _set_status(self, version: int, state: VersionState, error: str = "") -> None:
        with self._lock:
            self._statuses[version] = VersionStatus(version, state, error)
