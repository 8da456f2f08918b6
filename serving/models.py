"""All models that are served: looks for their new versions, and changes what is served without a restart."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from serving.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError, UnknownError
from serving.model_config import ModelSettings
from serving.predictor import Predictor
from serving.repository import ModelRepository, Retries, VersionStatus
from serving.versions import either, specific
from serving.warmup import load_warm

__all__ = ["Models"]

_log = logging.getLogger(__name__)


class Models:
    """The repositories by name, and the labels of their versions. Thread-safe.

    Args:
        load: makes a ready predictor of a version directory.
        retries: of versions that could not be loaded.
        labels_before_versions: whether a new label may be given to a version that is not available yet.
    """

    def __init__(
        self,
        *,
        load: Callable[[Path], Predictor] = load_warm,
        retries: Retries | None = None,
        labels_before_versions: bool = False,
    ) -> None:
        self._load = load
        self._retries = retries
        self._labels_before_versions = labels_before_versions
        self._listeners: list[Callable[[], None]] = []
        self._configuring = threading.Lock()
        self._repositories: Mapping[str, ModelRepository] = {}
        self._labels: Mapping[str, Mapping[str, int]] = {}
        self._removed: dict[str, ModelRepository] = {}

    @property
    def repositories(self) -> Mapping[str, ModelRepository]:
        """By model name; not to be changed."""
        return self._repositories

    @property
    def ready(self) -> bool:
        """Whether there are models, and each can answer."""
        found = self._repositories
        return bool(found) and all(repository.available for repository in found.values())

    def on_change(self, listener: Callable[[], None]) -> None:
        """Calls `listener` whenever models or versions may have come or gone."""
        self._listeners.append(listener)

    def repository(self, name: str, version: int | None = None) -> ModelRepository:
        """The repository of a model.

        Raises:
            NotFoundError: no such model; the message asks for `version` of it.
        """
        repository = self._repositories.get(name)
        if repository is None:
            wanted = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise NotFoundError(f"Servable not found for request: {wanted}")
        return repository

    def labels(self, name: str) -> Mapping[str, int]:
        """The versions that a model's labels stand for; not to be changed."""
        return self._labels.get(name, {})

    def labelled(self, name: str, label: str) -> int:
        """The version that a label stands for.

        Raises:
            InvalidArgumentError: the model has no such label.
        """
        try:
            return self._labels[name][label]
        except KeyError as err:
            raise InvalidArgumentError(f"Unrecognized servable version label: {label}") from err

    def statuses(self, name: str) -> tuple[VersionStatus, ...]:
        """Where the versions of a model stand, the newest first; those of a model that was removed have ended."""
        repository = self._repositories.get(name) or self._removed.get(name)
        return repository.statuses() if repository else ()

    def configure(self, settings: Sequence[ModelSettings]) -> None:
        """Serves these models and no others; returns when each has a version that is available.

        Labels are given before versions are loaded, so a label can only move to a version that is available already.

        Raises:
            FailedPreconditionError: a label is for a version that is not available; nothing was changed.
            UnknownError: a new model could not be loaded; it will be tried again.
        """
        with self._configuring:
            labels = {model.name: dict(model.labels) for model in settings}
            self._check_labels(labels)
            before = self._repositories
            now = {model.name: before.get(model.name) or self._new(model) for model in settings}
            for model in settings:
                now[model.name].configure(model)
            # Models that stay are not touched by one that comes and fails.
            self._repositories, self._labels = now, labels
            for name in before.keys() - now.keys():
                _log.info("model %s is no longer served", name)
                self._removed[name] = before[name]
                before[name].close()
            self.refresh()
            self._check_available({name: now[name] for name in now.keys() - before.keys()})

    def follow(self, settings: Sequence[ModelSettings]) -> None:
        """`configure`, but versions are loaded before labels name them.

        For those who can only write a file and get no answer. Until such a version is there, the labels stay as they
        were, and so do the versions.

        Raises:
            FailedPreconditionError: the version of a label cannot be loaded; the labels stay.
            UnknownError: a new model could not be loaded; it will be tried again.
        """
        if any(set(model.labels.values()) - self._available(model.name) for model in settings):
            self.configure([self._before_labels(model) for model in settings])
        self.configure(settings)

    def refresh(self) -> None:
        """Looks for versions that have come or gone."""
        for name, repository in self._repositories.items():
            try:
                repository.refresh()
            except Exception:
                _log.exception("looking for new versions of %s failed", name)
        for listener in self._listeners:
            listener()

    def close(self) -> None:
        """Drops all models; calls that run now still finish."""
        for repository in self._repositories.values():
            repository.close()

    def _before_labels(self, settings: ModelSettings) -> ModelSettings:
        """The versions of now and those to come, with the labels of now."""
        policy = either(settings.policy, specific(self._available(settings.name)))
        return replace(settings, policy=policy, labels=self._labels.get(settings.name, {}))

    def _available(self, name: str) -> frozenset[int]:
        repository = self._repositories.get(name)
        return frozenset(repository.available if repository else ())

    def _new(self, settings: ModelSettings) -> ModelRepository:
        return ModelRepository(settings, load=self._load, retries=self._retries)

    def _check_labels(self, labels: Mapping[str, Mapping[str, int]]) -> None:
        for name, versions in labels.items():
            repository = self._repositories.get(name)
            for label, version in versions.items():
                if repository is not None and version in repository.available:
                    continue
                is_new = self._labels.get(name, {}).get(label, version) == version
                if self._labels_before_versions and is_new:
                    continue
                raise FailedPreconditionError(
                    f"Request to assign label to version {version} of model {name}, which is not currently "
                    "available for inference"
                )

    @staticmethod
    def _check_available(repositories: Mapping[str, ModelRepository]) -> None:
        failed = {name: one for name, one in sorted(repositories.items()) if not one.available}
        if failed:
            reasons = "".join(
                f"{{name: {name}{f' version: {version}' if version else ''} due to error: {error}}}, "
                for name, repository in failed.items()
                for version, error in repository.errors().items()
            )
            raise UnknownError(f"{len(failed)} model(s) did not become available: {{{reasons}}}")
