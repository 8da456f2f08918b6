"""Trains several members, one after the other, and makes one model of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import keras

from components.core.progress import Progress
from components.modeling.classifier import ModelConfig, build_network
from components.modeling.dataset import TokenDataset
from components.modeling.distillation.soft_targets import soften
from components.modeling.ensembles.average import member_name
from components.modeling.ensembles.ensemble_config import EnsembleConfig
from components.modeling.ensembles.member import Member
from components.modeling.ensembles.soup import Soup, Weights, greedy_soup, uniform_soup
from components.modeling.scorer import Scorer
from components.modeling.training.result import TrainingResult
from components.modeling.training.validation import Validation, validate

if TYPE_CHECKING:
    from components.trainer import TrainerConfig

__all__ = ["Ensemble", "TrainOne", "Trained"]

_BATCH_SIZE = 64


@dataclass(frozen=True)
class Trained:
    """A trained network with what is to be written of it.

    Attributes:
        network: gives logits; of any precision.
        config: how to build it.
        result: of the training.
        notes: what `training.json` says beside the result.
    """

    network: keras.Model
    config: ModelConfig
    result: TrainingResult
    notes: Mapping[str, Any] = field(default_factory=dict)


class TrainOne(Protocol):
    """One training from the pretrained weights; the Trainer's own."""

    def __call__(
        self, config: "TrainerConfig", train: TokenDataset, progress: Progress, name: str
    ) -> Trained:
        """Trains with the seed of `config` on `train`; the curves go into a directory of that name."""


class Ensemble:
    """The members' trainings, and what is made of them.

    Args:
        config: the Trainer's settings, with an ensemble.
        train: the training split.
        validation: what members are chosen and thresholds tuned on.
        train_one: trains a member.
        kept_in: directory in which trained members are kept, so that they are not trained again after an
            interruption; None keeps nothing.
        progress: who is told.
    """

    def __init__(
        self,
        config: "TrainerConfig",
        *,
        train: TokenDataset,
        validation: TokenDataset,
        train_one: TrainOne,
        kept_in: Path | None,
        progress: Progress,
    ) -> None:
        assert config.ensemble is not None
        self._config = config
        self._settings: EnsembleConfig = config.ensemble
        self._train = train
        self._validation = validation
        self._train_one = train_one
        self._kept_in = kept_in
        self._progress = progress

    def run(self) -> Trained:
        """Trains what is not trained yet and combines it."""
        members = [self._member(number) for number in range(self._settings.seeds)]
        combine = {
            "soup": self._soup,
            "uniform_soup": self._soup,
            "average": self._average,
            "distil": self._distil,
        }[self._settings.combine]
        trained = combine(members)
        notes = {
            "combine": self._settings.combine,
            "members": [
                {"seed": self._config.seed + number, **member.result.history()}
                for number, member in enumerate(members)
            ],
        }
        return replace(trained, notes={"ensemble": {**notes, **trained.notes}})

    def _member(self, number: int) -> Member:
        directory = None if self._kept_in is None else self._kept_in / f"member-{number + 1}"
        if directory is not None and (kept := Member.kept(directory)) is not None:
            self._progress.log(f"model {number + 1}/{self._settings.seeds}: trained before the interruption")
            return kept
        config = self._config.model_copy(update={"seed": self._config.seed + number})
        progress = _Prefixed(self._progress, f"model {number + 1}/{self._settings.seeds}: ")
        trained = self._train_one(config, self._train, progress, f"model-{number + 1}")
        member = Member(trained.network.get_weights(), trained.config, trained.result)
        if directory is not None:
            member.keep(directory)
        return member

    def _soup(self, members: Sequence[Member]) -> Trained:
        config = members[0].config
        network = build_network(config)
        scorer = Scorer(network, config.heads)
        weights = [member.weights for member in members]
        metrics = [member.result.best.validation_metric for member in members]

        def measured(candidate: Weights) -> Validation:
            network.set_weights(candidate)
            return validate(scorer, config.heads, self._validation, self._config)

        soup: Soup = (
            uniform_soup(weights)
            if self._settings.combine == "uniform_soup"
            else greedy_soup(weights, metrics, lambda candidate: measured(candidate).metric)
        )
        validation = measured(soup.weights)
        self._tell(f"soup of {len(soup.members)} of {len(members)} models", members, validation)
        in_soup = [self._config.seed + position for position in soup.members]
        return Trained(network, config, _combined(members, validation), {"in_soup": in_soup})

    def _average(self, members: Sequence[Member]) -> Trained:
        config = members[0].config.model_copy(update={"members": len(members)})
        average = build_network(config)
        for number, member in enumerate(members):
            average.get_layer(member_name(number)).set_weights(member.weights)
        validation = validate(Scorer(average, config.heads), config.heads, self._validation, self._config)
        self._tell(f"average of {len(members)} models", members, validation)
        return Trained(average, config, _combined(members, validation))

    def _distil(self, members: Sequence[Member]) -> Trained:
        teacher = self._average(members)
        settings = self._settings.distillation
        scorer = Scorer(teacher.network, teacher.config.heads)
        self._progress.update("asking the members about the training split")
        scores = scorer.scores(
            self._train.rows(), segments=self._train.segment_rows(), batch_size=_BATCH_SIZE
        )
        taught = replace(self._train, answers=soften(teacher.config.heads, scores, settings.temperature))
        seed = self._config.seed + self._settings.seeds
        config = self._config.model_copy(update={"seed": seed, "distillation": settings})
        student = self._train_one(config, taught, _Prefixed(self._progress, "student: "), "student")
        return replace(student, notes={"teacher_metric": teacher.result.best.validation_metric})

    def _tell(self, name: str, members: Sequence[Member], validation: Validation) -> None:
        metric = members[0].result.metric
        own = ", ".join(f"{member.result.best.validation_metric:.3f}" for member in members)
        self._progress.log(f"{name}: {metric} {validation.metric:.3f} (theirs: {own})")


def _combined(members: Sequence[Member], validation: Validation) -> TrainingResult:
    """The result of the best member's training, with what was measured of the combination."""
    result = max(members, key=lambda member: member.result.best.validation_metric).result
    best = replace(
        result.best,
        validation_loss=validation.loss,
        validation_metric=validation.metric,
        validation_by_head=validation.by_head,
    )
    return replace(result, best=best, learned=validation.learned)


class _Prefixed:
    """Says whose progress it is."""

    def __init__(self, progress: Progress, prefix: str) -> None:
        self._progress = progress
        self._prefix = prefix

    def update(self, message: str, *, completed: float | None = None, total: float | None = None) -> None:
        """As `Progress.update`."""
        self._progress.update(self._prefix + message, completed=completed, total=total)

    def log(self, message: str) -> None:
        """As `Progress.log`."""
        self._progress.log(self._prefix + message)
