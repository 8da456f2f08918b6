"""Heads as they are configured; `components.modeling.heads` makes them fit the data."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StringConstraints, model_validator

from components.core.config import Config
from components.modeling.losses.config import LossConfig

__all__ = ["DEFAULT_HEAD", "HeadName", "HeadSettings", "Task"]

DEFAULT_HEAD = "emotion"
"""Name of the head of a model that has one."""

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

    loss: LossConfig | None = None
    """What is minimised for this head; None is the Trainer's own `loss`."""

    @model_validator(mode="after")
    def _check_loss(self) -> "HeadSettings":
        if self.loss is not None:
            self.loss.check_fits(self.task)
        return self
