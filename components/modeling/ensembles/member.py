"""A trained member of an ensemble, and how it is kept until the others are trained."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from components.modeling.classifier import ModelConfig
from components.modeling.ensembles.soup import Weights
from components.modeling.training.learned import Learned
from components.modeling.training.result import Epoch, TrainingResult

__all__ = ["Member"]


@dataclass(frozen=True)
class Member:
    """What is left of a training.

    Attributes:
        weights: of the best epoch, in the order of the network's.
        config: how to build the network.
        result: what the training said.
    """

    weights: Weights
    config: ModelConfig
    result: TrainingResult

    def keep(self, directory: Path) -> None:
        """Writes it, whole or not at all."""
        partial = directory.with_name(directory.name + ".partial")
        partial.mkdir(parents=True, exist_ok=True)
        np.savez(partial / "weights.npz", *self.weights)
        document = {**self.result.history(), "learned": self.result.learned.document()}
        (partial / "model.json").write_text(self.config.model_dump_json(), encoding="utf-8")
        (partial / "training.json").write_text(json.dumps(document), encoding="utf-8")
        partial.replace(directory)

    @classmethod
    def kept(cls, directory: Path) -> "Member | None":
        """The member that was written there; None if there is none."""
        if not directory.is_dir():
            return None
        with np.load(directory / "weights.npz") as arrays:
            weights = [arrays[f"arr_{position}"] for position in range(len(arrays.files))]
        document = json.loads((directory / "training.json").read_text(encoding="utf-8"))
        epochs = tuple(Epoch(**epoch) for epoch in document["epochs"])
        best = next(epoch for epoch in epochs if epoch.epoch == document["best_epoch"])
        config = ModelConfig.model_validate_json((directory / "model.json").read_text(encoding="utf-8"))
        result = TrainingResult(
            epochs,
            best,
            document["metric"],
            Learned.of(document["learned"]),
            trained_parameters=document["trained_parameters"],
            all_parameters=document["all_parameters"],
        )
        return cls(weights, config, result)
