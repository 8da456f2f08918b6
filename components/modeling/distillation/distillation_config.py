"""How much is learnt from teachers, and who they are."""

from pydantic import Field

from components.core.config import Config, InputPath

__all__ = ["DistillationConfig", "DistillationSettings"]


class DistillationSettings(Config):
    """How the teachers' answers enter the loss.

    Hinton et al., 2015, "Distilling the Knowledge in a Neural Network".
    """

    weight: float = Field(default=0.5, gt=0, le=1)
    """Share of the loss that holds the model against its teachers; the rest holds it against the labels. With 1 the
    labels of the training split are not looked at."""

    temperature: float = Field(default=1.0, gt=0, le=20)
    """What logits of teacher and student are divided by before they are compared. Above 1 the small probabilities
    count for more; 1, the default, compares them as they are, which for many labels with a sigmoid each is soft enough.
    Numbers of a regression head have no temperature."""


class DistillationConfig(DistillationSettings):
    """Teachers, and what their answers weigh."""

    teachers: tuple[InputPath, ...] = Field(min_length=1)
    """Directories of trained models: a Model artifact, a SavedModel, or a pushed directory, whose newest version is
    taken. They answer the same outputs and may be of any size and tokenizer; the mean of their answers teaches."""

    def external_inputs(self) -> tuple[str, ...]:
        return self.teachers
