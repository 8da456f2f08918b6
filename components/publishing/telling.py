"""Writes the files that say what is served; they follow from the newest event, whoever writes them."""

import json
from collections.abc import Iterator
from typing import Any

from components.core.filesystem import exists, open_file
from components.publishing.app_update import app_update
from components.publishing.destination import Destination
from components.publishing.history import State
from components.publishing.server_files import inference_service, model_config
from components.publishing.signing import Signer

__all__ = ["INFERENCE_SERVICE", "MODEL_CONFIG", "UPDATE", "tell"]

MODEL_CONFIG = "models.config"
INFERENCE_SERVICE = "inference_service.yaml"
UPDATE = "tflite/update.json"


def tell(destination: Destination, state: State, signer: Signer | None) -> None:
    """Writes `models.config`, `inference_service.yaml` and `tflite/update.json`, those that are asked for.

    Whoever adds an event tells of it; who finds a newer event afterwards tells of that, so that of two who write at
    once the last one leaves the truth.
    """
    while True:
        for name, content in _files(destination, state, signer):
            if _text(destination, name) != content:
                destination.write(name, content)
        newest = destination.history.newest()
        if newest is None or newest.state == state:
            return
        state = newest.state


def _files(destination: Destination, state: State, signer: Signer | None) -> Iterator[tuple[str, str]]:
    if state.stable is None:
        return
    settings, base = state.settings, f"{destination}/saved_model"
    if settings.served_as is not None:
        yield MODEL_CONFIG, model_config(settings.served_as, state, base)
    if settings.kserve is not None:
        existing = _text(destination, INFERENCE_SERVICE)
        yield INFERENCE_SERVICE, inference_service(settings.kserve, state, base, existing)
    if (update := app_update(destination, state)) is not None:
        document: dict[str, Any] = update if signer is None else signer.sign(update)
        yield UPDATE, json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _text(destination: Destination, name: str) -> str | None:
    path = f"{destination}/{name}"
    if not exists(path):
        return None
    with open_file(path, "r") as stream:
        return str(stream.read())
