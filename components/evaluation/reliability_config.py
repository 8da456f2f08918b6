"""How the calibration of a model is measured, as configured; `components.evaluation.reliability` does it."""

from pydantic import Field

from components.core.config import Config

__all__ = ["ReliabilityConfig"]


class ReliabilityConfig(Config):
    """How it is found out whether scores mean what they say."""

    bins: int = Field(default=10, ge=2, le=100)
    """Equal parts of the scale from 0 to 1. Of equal width, since a bin then says what a person asks of it (how many of
    those scored 0.6 to 0.7 are so); bins of as many scores each would put every sure answer of rare labels into one,
    where errors of both kinds cancel out."""
