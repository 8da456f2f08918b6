"""From labelled text to emotion models that answer alike in a data centre and on a phone."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.api import run
    from pipeline.config import PipelineConfig, load_config

__all__ = ["PipelineConfig", "load_config", "run"]


def __getattr__(name: str) -> Any:
    """Loads the API on first use: `emotion --help` imports this package and must answer at once."""
    if name == "run":
        from pipeline.api import run

        return run
    if name in ("PipelineConfig", "load_config"):
        from pipeline import config

        return getattr(config, name)
    raise AttributeError(f"module 'pipeline' has no attribute {name!r}")
