"""How a model's scores are made to mean what they say, as configured."""

from typing import Literal

from components.core.config import Config

__all__ = ["CalibrationConfig"]


class CalibrationConfig(Config):
    """What is done to the logits of the trained network, learned from the validation split."""

    method: Literal["none", "temperature", "platt"] = "platt"
    """`temperature`: one factor for all logits of a head. `platt` (default): a factor and an offset for each label of a
    multi-label head, and a temperature for heads of which one label applies. On GoEmotions `platt` takes three fifths
    of the calibration error, and a temperature nothing; labels decided by thresholds are the same with all three.
    Numbers of a regression head stay as they are."""
