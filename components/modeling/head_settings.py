"""Heads as they are configured; `components.modeling.heads` makes them fit the data."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StringConstraints

from components.core.config import Config

__all__ = ["HeadName", "HeadSettings", "Task"]

Task: TypeAlias = Literal["multi_label", "single_label", "ordinal", "regression"]
"""`multi_label`: any number of labels applies, each with a probability of its own. `single_label`: exactly one does
(softmax). `ordinal`: exactly one does, and they stand in an order. `regression`: numbers."""

HeadName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class HeadSettings(Config):
    """A head as configured."""

    task: Task
    """What its outputs mean."""

    outputs: tuple[str, ...] = Field(min_length=1)
    """Names of labels, or of target columns for `regression`; `sentiment/*` stands for all that begin so."""

    loss_weight: float = Field(default=1.0, gt=0)
    """Factor of this head's loss in the sum over heads. 1 by default: mean losses per row are of like size."""
