"""Writes the files that say what is served; they follow from the newest event, whoever writes them."""

import json
import time
from collections.abc import Callable

from components.core.filesystem import read_file
from components.publishing.app_update import app_update
from components.publishing.destination import Destination
from components.publishing.history import State
from components.publishing.server_files import Served, inference_service, model_config
from components.publishing.signing import Signer

__all__ = ["INFERENCE_SERVICE", "MODEL_CONFIG", "UPDATE", "tell"]

MODEL_CONFIG = "models.config"
INFERENCE_SERVICE = "inference_service.yaml"
UPDATE = "tflite/update.json"


def tell(
    destination: Destination,
    state: State,
    signer: Signer | None,
    *,
    wait: Callable[[float], None] = time.sleep,
    apps: bool = True,
) -> None:
    """Writes `models.config`, `inference_service.yaml` and `tflite/update.json`, those that are asked for.

    Whoever adds an event tells of it; who finds a newer event afterwards tells of that, so that of two who write at
    once the last one leaves the truth.

    Args:
        destination: where.
        state: after the newest event.
        signer: signs what apps read; None signs nothing.
        wait: waits so many seconds.
        apps: whether the event says anything to apps; they know of the stable version alone.
    """
    while True:
        if state.stable is not None:
            _tell_servers(destination, state, wait)
            _tell_cluster(destination, state)
            if apps:
                _tell_apps(destination, state, signer)
        newest = destination.history.newest()
        if newest is None or newest.state == state:
            return
        state, apps = newest.state, True


def _tell_servers(destination: Destination, state: State, wait: Callable[[float], None]) -> None:
    config = state.settings.served_as
    if config is None:
        return
    base, new = f"{destination}/saved_model", Served.of(state)
    existing = _text(destination, MODEL_CONFIG)
    first = None if existing is None else Served.read(existing).before(new)
    if first is not None:
        _write(destination, MODEL_CONFIG, model_config(config, first, base))
        wait(config.settle_seconds)
    _write(destination, MODEL_CONFIG, model_config(config, new, base))


def _tell_cluster(destination: Destination, state: State) -> None:
    if state.settings.kserve is not None:
        existing = _text(destination, INFERENCE_SERVICE)
        content = inference_service(state.settings.kserve, state, f"{destination}/saved_model", existing)
        _write(destination, INFERENCE_SERVICE, content)


def _tell_apps(destination: Destination, state: State, signer: Signer | None) -> None:
    update = app_update(destination, state, None if signer is None else signer.keys)
    if update is not None:
        document = update if signer is None else signer.sign(update)
        _write(destination, UPDATE, json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def _write(destination: Destination, name: str, content: str) -> None:
    """Writes it if it is another, so that a run that changes nothing leaves no trace."""
    if _text(destination, name) != content:
        destination.write(name, content)


def _text(destination: Destination, name: str) -> str | None:
    content = read_file(f"{destination}/{name}")
    return None if content is None else content.decode()
