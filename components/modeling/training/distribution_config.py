"""On how many devices a training runs, as configured; `components.modeling.training.distribution` does it."""

import math
from typing import Any, Literal, TypeAlias

from pydantic import field_validator, model_validator

from components.core.config import Config

__all__ = ["DistributionConfig", "Scaling", "StrategyName"]

StrategyName: TypeAlias = Literal["auto", "none", "mirrored", "multi_worker", "tpu"]
Scaling: TypeAlias = Literal["none", "linear", "sqrt"]

_UNSUPPORTED = {"parameterserver", "centralstorage"}


class DistributionConfig(Config):
    """The devices that share every step; each takes `trainer.batch_size` texts (or `max_tokens_per_batch` tokens)."""

    strategy: StrategyName = "auto"
    """`mirrored`: all GPUs of this machine. `multi_worker`: the machines that the environment variable TF_CONFIG names.
    `tpu`: the TPU that this process sees. `none`: one device. `auto`, the default: whichever of these there is."""

    learning_rate_scaling: Scaling = "none"
    """How `trainer.learning_rate` grows with the global batch, which is its batch times devices times accumulation:
    `linear` (Goyal et al., 2017), `sqrt` (usual with Adam: Malladi et al., 2022), or not at all, the default, so that
    the configured rate is the one that is used."""

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        """`distribution: mirrored` stands for `distribution: {strategy: mirrored}`."""
        return {"strategy": value} if isinstance(value, str) else value

    @field_validator("strategy", mode="before")
    @classmethod
    def _refuse_unsupported(cls, value: Any) -> Any:
        letters = "".join(filter(str.isalpha, str(value).lower()))
        if letters.removesuffix("strategy") in _UNSUPPORTED:
            raise ValueError(
                f"Keras 3 does not support the strategy {value!r}; use `mirrored` for several GPUs or `multi_worker` "
                "for several machines"
            )
        return value

    def learning_rate_factor(self, batches: int) -> float:
        """By what the learning rate is multiplied where a step takes this many batches."""
        return {"none": 1.0, "linear": float(batches), "sqrt": math.sqrt(batches)}[self.learning_rate_scaling]
