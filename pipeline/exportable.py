"""Finds out before anything runs that a model could not be exported."""

from components.core.errors import ConfigError
from pipeline.config import PipelineConfig
from pipeline.graph import Graph

__all__ = ["require_exportable"]

_EXPORTERS = {"saved_model_exporter", "tflite_exporter"}


def require_exportable(config: PipelineConfig, graph: Graph) -> None:
    """Checks that the graph ends before the exporters where the model reads two segments.

    Raises:
        ConfigError: it does not.
    """
    if config.transform.segments == 2 and any(node.name in _EXPORTERS for node in graph):
        raise ConfigError(
            "transform.segments is 2, and models of two segments cannot be exported yet: run with `--to evaluator`, or "
            "set it to 1"
        )
