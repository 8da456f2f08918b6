"""How many trainings make one model, and how."""

from typing import Literal, TypeAlias

from pydantic import Field

from components.core.config import Config
from components.modeling.distillation.distillation_config import DistillationSettings

__all__ = ["Combine", "EnsembleConfig"]

Combine: TypeAlias = Literal["soup", "uniform_soup", "average", "distil"]
"""`soup`: the mean of the weights of those members that make the validation metric no worse, the best first (greedy
soup; Wortsman et al., 2022, "Model soups", recipe 1). `uniform_soup`: the mean of all. `average`: one network that
holds all members and answers the mean of their scores. `distil`: that network teaches a last student, which is kept
(Furlanello et al., 2018, "Born-Again Neural Networks")."""


class EnsembleConfig(Config):
    """Members that start from the same weights and differ in the order of examples and in what dropout drops."""

    seeds: int = Field(default=3, ge=2, le=32)
    """Members; each takes as long as one training. Their seeds are `trainer.seed` and those after it."""

    combine: Combine = "soup"
    """How members become one model. The default costs nothing when it is served; `average` is as many times larger and
    slower as it has members, and usually the best; `distil` trains once more and is small again."""

    distillation: DistillationSettings = DistillationSettings()
    """With `combine: distil`: what the members' answers weigh against the labels."""
