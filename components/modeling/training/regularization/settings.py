"""Regularization as configured; the modules beside this one do it."""

from typing import Literal

from pydantic import Field, model_validator

from components.core.config import Config

__all__ = [
    "AdversarialSettings",
    "AugmentationSettings",
    "CheckpointMeanSettings",
    "EmaSettings",
    "RDropSettings",
    "RegularizationConfig",
]


class RDropSettings(Config):
    """Two passes with different dropout shall answer alike (Liang et al., 2021): a step takes nearly twice as long."""

    weight: float = Field(default=1.0, gt=0)
    """The paper's alpha; it fine-tunes with 0.1 to 1 on GLUE, and with more on large tasks. In a twin of
    the GoEmotions recipe 2 to 10 were best (docs/results.md)."""


class AdversarialSettings(Config):
    """Each batch is learned again where its loss is higher: a step takes 1 + `steps` times as long."""

    epsilon: float = Field(default=0.03, gt=0, lt=1)
    """Norm of a text's perturbation as a share of the norm of its word embeddings, so that it fits every encoder and
    every length. Miyato et al. (2017) amounts to 0.016, what FreeLB (Zhu et al., 2020) takes for BERT to 0.02-0.05."""

    steps: int = Field(default=1, ge=1, le=10)
    """Steps of the search for the perturbation. 1 is FGM (Miyato et al., 2017), more are PGD (Madry et al., 2018)."""

    loss_weight: float = Field(default=1.0, gt=0)
    """Weight of the perturbed texts' loss against that of the texts as they are; Miyato et al.'s lambda."""


class EmaSettings(Config):
    """An exponential moving average of the weights is what is validated and kept."""

    decay: float = Field(default=0.999, gt=0, lt=1)
    """Share of the average that stays at a step; 1 / (1 - decay) steps are remembered, of which a training should have
    several times as many."""

    warmup: bool = True
    """Step t takes min(decay, (1 + t) / (10 + t)), as TensorFlow's own average does, so that the pretrained weights
    are forgotten soon."""


class CheckpointMeanSettings(Config):
    """The mean of the weights at several validations is what is validated and kept."""

    count: int = Field(default=3, ge=2, le=20)
    """Validations at most; each is kept in memory (MiniLM: 90 MB)."""

    of: Literal["last", "best"] = "last"
    """The `last` ones (Vaswani et al., 2017; SWA of Izmailov et al., 2018), or the `best` ones by the metric that early
    stopping watches, for which each validation is made twice."""


class AugmentationSettings(Config):
    """Words of the training texts are changed anew every epoch: whole words, never [CLS] or [SEP]."""

    drop: float = Field(default=0.0, ge=0, lt=1)
    """Probability that a word is replaced by `drop_token`: word dropout."""

    drop_token: Literal["mask", "unk"] = "mask"
    """What stands in its place: [MASK], which BERT was pretrained to see through, or [UNK]."""

    delete: float = Field(default=0.0, ge=0, lt=1)
    """Probability that a word is deleted (EDA: Wei and Zou, 2019, take 0.05 to 0.1)."""

    swap: float = Field(default=0.0, ge=0, lt=1)
    """Probability that a word changes places with others of its text (EDA, likewise)."""


class RegularizationConfig(Config):
    """What is done beside `dropout` and `weight_decay`; nothing by default, and what is off costs nothing."""

    dropout_samples: int = Field(default=1, ge=1, le=32)
    """Multi-sample dropout (Inoue, 2019): the head learns from this many differently dropped copies of each text's
    vector. Costs next to nothing; the paper takes 8, with a `dropout` of up to 0.5."""

    r_drop: RDropSettings | None = None
    """Consistency of two dropout passes; `{}` for the defaults."""

    adversarial: AdversarialSettings | None = None
    """FGM or PGD on the word embeddings; `{}` for the defaults."""

    ema: EmaSettings | None = None
    """Moving average of the weights; `{}` for the defaults. Not with `checkpoint_mean`."""

    checkpoint_mean: CheckpointMeanSettings | None = None
    """Mean of validated weights; `{}` for the defaults. Not with `ema`."""

    augmentation: AugmentationSettings | None = None
    """Changes of the training texts."""

    @model_validator(mode="after")
    def _average_once(self) -> "RegularizationConfig":
        if self.ema and self.checkpoint_mean:
            raise ValueError("`ema` and `checkpoint_mean` are two ways to one thing; take one of them")
        return self
