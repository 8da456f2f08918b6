"""How often a training saves its state, as configured; `components.modeling.training.checkpoints` does it."""

from pydantic import Field

from components.core.config import Config

__all__ = ["CheckpointsConfig"]


class CheckpointsConfig(Config):
    """When the state of a training is saved, beside the end of every epoch and a request to stop."""

    every_seconds: float | None = Field(default=300.0, gt=0)
    """Seconds after which the state is saved again; None for no such limit. A killed training loses at most these; a
    checkpoint of MiniLM (360 MB with the best weights so far) takes about a second, a third of a percent of them."""

    every_steps: int | None = Field(default=None, ge=1)
    """Steps after which the state is saved again; None, the default, for no such limit."""

    keep: int = Field(default=2, ge=1)
    """How many checkpoints are kept; with more than one, a damaged one costs only the work since that before."""
