"""How many errors are explained, and at what cost."""

from pydantic import Field

from components.core.config import Config

__all__ = ["MAX_STEPS", "ExplanationsConfig"]

MAX_STEPS = 600
"""Gradients a score at most. Most take 12 to 84; scores that rise and fall on the way take more."""


class ExplanationsConfig(Config):
    """Integrated gradients of the most confident errors."""

    errors: int = Field(default=10, ge=0, le=1000)
    """Worst errors of each head whose words are weighed; 0 = none. One costs as much as scoring 100 to 200 texts,
    rarely 2,000."""

    max_steps: int = Field(default=MAX_STEPS, ge=12, le=100_000)
    """Gradients an error at most, which bounds the cost; words are marked as not exact where they do not suffice."""
