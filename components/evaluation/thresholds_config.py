"""What the thresholds of labels are tuned for, as configured; `components.evaluation.thresholds` does it."""

from typing import Literal

from pydantic import Field, model_validator

from components.core.config import Config

__all__ = ["ThresholdsConfig"]


class ThresholdsConfig(Config):
    """What the threshold of each label of a multi-label head is tuned for, on the validation split."""

    objective: Literal["f1", "f_beta", "precision_floor"] = "f1"
    """`f1` (default), what macro-F1 is the mean of. `f_beta`: recall weighs `beta` times as much as precision.
    `precision_floor`: the most recall at which a label is right at least as often as `precision` says; a label that
    cannot be so is never given."""

    beta: float | None = Field(default=None, gt=0, le=10)
    """With `f_beta`: 2 where a miss is worse than a false alarm, 0.5 where it is the other way round."""

    precision: float | None = Field(default=None, gt=0, lt=1)
    """With `precision_floor`: lowest precision, 0-1, of every label. It is kept with a probability of 95 % as far as
    the validation split tells, so that labels with few texts get higher thresholds."""

    shrinkage: float = Field(default=1.0, gt=0, le=1000)
    """How firmly the threshold of a label is held to what holds for all labels: at 1, as firmly as about forty
    positives of its own say otherwise, which is best on GoEmotions; 0.01 leaves each label nearly to itself."""

    @model_validator(mode="after")
    def _check_objective(self) -> "ThresholdsConfig":
        for name, objective in (("beta", "f_beta"), ("precision", "precision_floor")):
            if (getattr(self, name) is None) == (self.objective == objective):
                raise ValueError(
                    f"{name} belongs to objective {objective!r}, and the objective is {self.objective!r}; "
                    f"{'give a value' if self.objective == objective else 'leave it out, or change the objective'}"
                )
        return self
