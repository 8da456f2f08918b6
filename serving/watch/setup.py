"""Puts the watch around models of this project."""

import logging

from serving.config import ServerConfig
from serving.description import describe
from serving.errors import SavedModelError
from serving.predictor import Predictor
from serving.watch.counts import read_reference
from serving.watch.engine import WatchedEngine

__all__ = ["watch"]

_log = logging.getLogger(__name__)


def watch(predictor: Predictor, config: ServerConfig) -> None:
    """Has the model's traffic counted from now on; a model that does not say what it answers is left alone."""
    try:
        description = describe(predictor.path)
        reference = read_reference(predictor.path)
    except SavedModelError as err:
        _log.info("live traffic is not watched: %s", err)
        return
    if reference and reference.counts.outputs != len(description.labels):
        _log.warning("%s: the reference statistics are of another model; they are ignored", predictor.path)
        reference = None
    predictor.wrap(
        lambda engine, _: WatchedEngine(
            engine, description, reference, window_seconds=config.traffic_window_seconds
        )
    )
