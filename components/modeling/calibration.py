"""Calibration as a part of a model: a factor and an offset for each logit, before the activation."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from components.modeling.heads import Head

__all__ = ["Calibration", "HeadCalibration", "calibrated", "check_calibration"]

_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class HeadCalibration(BaseModel):
    """What is done to the logits of a head; a temperature has equal slopes and no offsets."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    method: Literal["temperature", "platt"]

    slopes: tuple[_Positive, ...]
    """By logit of the head; what it is multiplied by."""

    offsets: tuple[_Finite, ...]
    """By logit of the head; added to the product."""

    @classmethod
    def of_temperature(cls, temperature: float, logits: int) -> "HeadCalibration":
        """Divides the logits of a head, so many, by the temperature."""
        return cls(method="temperature", slopes=(1 / temperature,) * logits, offsets=(0.0,) * logits)


Calibration: TypeAlias = Mapping[str, HeadCalibration]
"""By name of the head; the logits of others stay as they are."""


def calibrated(heads: Sequence[Head], calibration: Calibration, logits: Any) -> Any:
    """The logits of the calibrated probabilities.

    Args:
        heads: of the model.
        calibration: of those heads that are calibrated.
        logits: float32 [rows, logits], a tensor or an array; what comes back is of its kind.
    """
    if not calibration:
        return logits
    plain = {head.name: HeadCalibration.of_temperature(1, head.logits) for head in heads}
    parts = [calibration.get(head.name, plain[head.name]) for head in heads]
    slopes, offsets = (
        np.concatenate([getattr(part, name) for part in parts]).astype(np.float32)
        for name in ("slopes", "offsets")
    )
    return logits * slopes + offsets


def check_calibration(heads: Sequence[Head], calibration: Calibration) -> None:
    """Checks that it is for these heads.

    Raises:
        ValueError: it names a head that there is not, or one that has other logits or no probabilities; or `platt` is
            for a head that it would make another order of.
    """
    known = {head.name: head for head in heads}
    for name, own in calibration.items():
        head = known.get(name)
        if head is None or head.task == "regression":
            raise ValueError(f"calibration of {name!r}, which is no head that answers probabilities")
        if not len(own.slopes) == len(own.offsets) == head.logits:
            raise ValueError(
                f"calibration of head {name!r} has {len(own.slopes)} slopes and {len(own.offsets)} offsets for "
                f"{head.logits} logits"
            )
        if own.method == "platt" and head.task != "multi_label":
            raise ValueError(f"calibration of head {name!r}, which is {head.task}, must be a temperature")
