"""Where a training is."""

from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from components.modeling.training.checkpoints import Snapshot
from components.modeling.training.learned import Learned
from components.modeling.training.meter import Meter
from components.modeling.training.result import Epoch

__all__ = ["TrainingState"]


@dataclass
class TrainingState:
    """Where a training is, beside its variables.

    Attributes:
        epochs: those that are over.
        step: steps done in the epoch that is not.
        meter: of that epoch.
        best: position of the best epoch in `epochs`.
        learned: calibration and thresholds of the best epoch; None before there is one.
        weights: of the float32 network after the best epoch, or their average.
    """

    epochs: list[Epoch] = field(default_factory=list)
    step: int = 0
    meter: Meter = field(default_factory=Meter)
    best: int = 0
    learned: Learned | None = None
    weights: list[NDArray[np.float32]] = field(default_factory=list)

    def snapshot(self) -> Snapshot:
        document = {
            "epochs": [asdict(epoch) for epoch in self.epochs],
            "step": self.step,
            "meter": self.meter.state(),
            "best": self.best,
            "learned": None if self.learned is None else self.learned.document(),
        }
        weights = {f"weight {number}": weight for number, weight in enumerate(self.weights)}
        return Snapshot(document, weights)

    @classmethod
    def of(cls, snapshot: Snapshot) -> "TrainingState":
        document, arrays = snapshot.document, snapshot.arrays
        learned = document["learned"]
        return cls(
            epochs=[Epoch(**epoch) for epoch in document["epochs"]],
            step=document["step"],
            meter=Meter.resumed(document["meter"]),
            best=document["best"],
            learned=None if learned is None else Learned.of(learned),
            weights=[arrays[f"weight {number}"] for number in range(len(arrays))],
        )
