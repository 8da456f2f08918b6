"""A model where the Pusher puts it, served as the Pusher says."""

from dataclasses import replace
from pathlib import Path

from serving.errors import ServerStartError
from serving.model_config import ModelSettings, read_model_config
from serving.models import Models

__all__ = ["PushedModel"]

_DEFAULT_NAME = "emotion"
"""The Pusher's own default."""


class PushedModel:
    """`<directory>/saved_model/<number>` and, where the Pusher names versions and labels, `models.config` beside it.

    The file's base path is that of other servers and is not looked at. Whether there is a file is asked once: one that
    is gone for a moment must not turn the newest version, the canary, into everybody's.

    Args:
        directory: the Pusher's destination.
        name: of the model in requests; None = what the file says.
    """

    def __init__(self, directory: Path, name: str | None = None) -> None:
        self._directory = directory
        self._name = name
        file = directory / "models.config"
        self._file = file if file.is_file() else None
        self._followed: bytes | None = None
        """Content of the file that `models` serve."""

    def follow(self, models: Models) -> None:
        """Has `models` serve what is pushed now.

        Models that were changed over ModelService stay as they are until the Pusher writes something else.

        Raises:
            ServerStartError: the file cannot be read.
            InvalidArgumentError: it lists what cannot be served.
            FailedPreconditionError: a label is to move to a version that cannot be loaded; all labels stay.
            UnknownError: the model could not be loaded at first.
        """
        try:
            content = self._file.read_bytes() if self._file else b""
        except OSError as err:
            raise ServerStartError(f"{self._file}: cannot be read ({err})") from err
        if content == self._followed:
            models.refresh()
            return
        models.follow(self._settings())
        self._followed = content

    def _settings(self) -> list[ModelSettings]:
        base_path = self._directory / "saved_model"
        if self._file is None:
            return [ModelSettings(name=self._name or _DEFAULT_NAME, base_path=base_path)]
        return [
            replace(model, name=self._name or model.name, base_path=base_path)
            for model in read_model_config(self._file)
        ]
