"""What is learned from the scores of the validation split: calibration and thresholds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.core.errors import StageError
from components.evaluation.platt import PlattScaling, fit_platt
from components.evaluation.temperature import fit_temperature
from components.evaluation.thresholds import as_thresholds, bounded, choose_cuts
from components.evaluation.thresholds_config import ThresholdsConfig
from components.modeling.calibration import Calibration, HeadCalibration
from components.modeling.calibration_config import CalibrationConfig
from components.modeling.heads import Head, columns, known_rows, logit_columns

__all__ = ["Learned", "learn"]


@dataclass(frozen=True)
class Learned:
    """What a model does with its logits.

    Attributes:
        calibration: by head.
        thresholds: float32 [outputs], of calibrated scores; 0 for outputs that have none.
    """

    calibration: Calibration
    thresholds: NDArray[np.float32]

    def document(self) -> dict[str, Any]:
        """As JSON values, from which `of` makes the same again."""
        calibration = {name: own.model_dump() for name, own in self.calibration.items()}
        return {"calibration": calibration, "thresholds": self.thresholds.tolist()}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Learned":
        """What the document says."""
        calibration = document["calibration"].items()
        return cls(
            {name: HeadCalibration.model_validate(own) for name, own in calibration},
            np.array(document["thresholds"], np.float32),
        )


def learn(
    heads: Sequence[Head],
    logits: NDArray[np.float32],
    targets: NDArray[np.float32],
    *,
    calibration: CalibrationConfig,
    thresholds: ThresholdsConfig,
) -> Learned:
    """Calibrates every head and tunes the thresholds of its labels.

    Thresholds follow from the probabilities that Platt scaling gives, whatever the scores are to be: the method of
    calibration decides what they are thresholds of, not which texts get a label.

    Args:
        heads: of the model.
        logits: float32 [rows, logits].
        targets: float32 [rows, outputs], NaN = unknown.
        calibration: as set.
        thresholds: as set.

    Raises:
        StageError: a logit is no number.
    """
    if not np.isfinite(logits).all():
        raise StageError(
            "the network answers texts of the split 'validation' with what is no number; lower trainer.learning_rate "
            "or set trainer.precision to float32"
        )
    found: dict[str, HeadCalibration] = {}
    tuned = np.zeros(targets.shape[1], np.float32)
    places, logit_places = columns(heads), logit_columns(heads)
    for head in heads:
        if head.task == "regression":
            continue
        place, known = places[head.name], known_rows(targets, places[head.name])
        own, marks = bounded(logits[known, logit_places[head.name]]), targets[known, place].astype(np.bool_)
        scaling = (
            fit_platt(own, marks, shrinkage=thresholds.shrinkage) if head.task == "multi_label" else None
        )
        calibrated = _calibrate(head, own, marks, calibration, scaling)
        if calibrated is not None:
            found[head.name] = calibrated
        if scaling is not None:
            cuts = choose_cuts(scaling, own, marks, thresholds)
            if calibrated is not None:
                cuts = np.asarray(calibrated.slopes) * cuts + np.asarray(calibrated.offsets)
            tuned[place] = as_thresholds(cuts)
    return Learned(found, tuned)


def _calibrate(
    head: Head,
    logits: NDArray[np.float64],
    marks: NDArray[np.bool_],
    config: CalibrationConfig,
    scaling: PlattScaling | None,
) -> HeadCalibration | None:
    """None without a method, or without a text that a label applies to: nothing tells what scores should be."""
    if config.method == "none" or not marks.any():
        return None
    if config.method == "platt" and scaling is not None:
        slopes, offsets = (tuple(values.tolist()) for values in (scaling.slopes, scaling.offsets))
        return HeadCalibration(method="platt", slopes=slopes, offsets=offsets)
    return HeadCalibration.of_temperature(fit_temperature(head.task, logits, marks), head.logits)
