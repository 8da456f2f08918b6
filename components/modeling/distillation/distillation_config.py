"""How much is learnt from teachers, and who they are."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from components.core.artifacts import Model
from components.core.config import Config, InputPath, Problem

__all__ = ["NO_MODEL", "DistillationConfig", "DistillationSettings", "holds_model"]

NO_MODEL = (
    "holds no model (no model.json, no saved_model.pb); name a Model artifact (`emotion inspect artifacts` lists "
    "them), a SavedModel or a pushed directory"
)


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

    def problems(self) -> Iterator[Problem]:
        yield from super().problems()
        for number, path in enumerate(self.teachers):
            if Path(path).exists() and not holds_model(Path(path)):
                yield Problem(f"teachers.{number}", f"{path}: {NO_MODEL}")


def holds_model(directory: Path) -> bool:
    """Whether there is a trained model that can teach."""
    return Model(directory).config_path.is_file() or any(directory.rglob("saved_model.pb"))
