"""What of a network is trained, from when on, and how fast, as configured.

Nothing here needs TensorFlow: variables and layers are taken as they come.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pydantic import Field, model_validator

from components.core.config import Config
from components.core.errors import ConfigError

__all__ = ["LoraConfig", "LoraTarget", "TrainableConfig", "TrainingPlan", "plan_training"]

LoraTarget: TypeAlias = Literal[
    "query", "key", "value", "attention_output", "feedforward_intermediate", "feedforward_output"
]


class LoraConfig(Config):
    """Low-rank adaptation (Hu et al., 2022): a kernel W stays as it is, and alpha / rank x A B is learned beside it.

    A and B are added to W when the model is scored and saved: the artifact is that of any other training.
    """

    rank: int = Field(default=8, ge=1)
    """Columns of A, rows of B. Query, key and value get this rank for each attention head, as Keras does it."""

    alpha: float = Field(default=16.0, gt=0)
    """alpha / rank multiplies A B; twice the rank is the common choice."""

    targets: tuple[LoraTarget, ...] = Field(
        default=("attention_output", "feedforward_intermediate", "feedforward_output"), min_length=1
    )
    """Kernels of every layer that get A and B. The default costs half of what the paper's query and value do in
    Keras, which gives each attention head A and B of its own."""


class TrainableConfig(Config):
    """What of the network is trained. `all` and `head` may stand in place of the section."""

    top_layers: int | None = Field(default=None, ge=0)
    """Trains only this many of the encoder's upper layers, besides the head; 0 is the head alone, a fraction of the
    time at a fraction of the quality. None, the default, trains all layers and the embeddings."""

    embeddings: Literal["train", "freeze"] = "train"
    """`freeze` leaves the embeddings as pretrained, which saves half of MiniLM's optimizer memory; words that are
    new to the encoder then learn nothing."""

    lora: LoraConfig | None = None
    """Learns low-rank additions to the encoder's kernels in place of the kernels; the encoder's embeddings, biases and
    norms stay. It wants a higher learning rate."""

    layer_decay: float = Field(default=1.0, gt=0, le=1)
    """Learning rate of a layer over that of the layer above (Sun et al., 2019, "How to fine-tune BERT", section 5.3.2);
    the topmost layer has trainer.learning_rate. 0.95 is best there; 0.8 to 0.9 is common for small data."""

    head_learning_rate_factor: float = Field(default=1.0, gt=0)
    """Learning rate of the head over trainer.learning_rate: the head starts from nothing, and above 1 it catches up."""

    unfreeze_every_epochs: float | None = Field(default=None, gt=0)
    """Gradual unfreezing (Howard and Ruder, 2018, section 3.3): first the head is trained alone, and after every so
    many epochs (fractions, too) one more layer from the top, the embeddings last. What the epochs do not reach stays as
    it was pretrained. None trains all from the start."""

    @model_validator(mode="before")
    @classmethod
    def _read_word(cls, value: Any) -> Any:
        match value:
            case "all":
                return {}
            case "head":
                return {"top_layers": 0}
            case str():
                raise ValueError(f"is {value!r}; expected all, head, or keys such as top_layers: 2")
        return value

    @model_validator(mode="after")
    def _check_lora(self) -> "TrainableConfig":
        if self.lora is not None and self.top_layers == 0:
            raise ValueError("lora adapts the encoder, and top_layers: 0 trains none of it; remove one")
        return self


@dataclass(frozen=True)
class TrainingPlan:
    """The variables that are trained.

    Attributes:
        variables: Keras variables.
        rates: by variable, the factor of the learning rate.
        first_steps: by variable, the first step (from 0) that updates it.
        parameters: numbers in these variables.
        all_parameters: numbers in all variables of the network without low-rank additions.
    """

    variables: tuple[Any, ...]
    rates: tuple[float, ...]
    first_steps: tuple[int, ...]
    parameters: int
    all_parameters: int


def plan_training(network: Any, config: TrainableConfig, *, epochs: int, total_steps: int) -> TrainingPlan:
    """Chooses the variables of a network that are trained.

    Args:
        network: Keras model of an encoder and what stands on it; low-rank additions, if configured, are there already.
        config: as set.
        epochs: of the training.
        total_steps: of all epochs; what would be unfrozen after them is left out.

    Raises:
        ConfigError: more layers are to be trained than there are.
    """
    encoder = find_encoder(network)
    layers = len(encoder.transformer_layers)
    top_layers = layers if config.top_layers is None else config.top_layers
    if top_layers > layers:
        raise ConfigError(f"trainer.trainable.top_layers is {top_layers}; the encoder has {layers} layers")
    depths = _depths(network, encoder)
    lowest = layers - top_layers + 1 if config.top_layers is not None or config.embeddings == "freeze" else 0
    chosen = []
    for variable in network.trainable_variables:
        depth = depths.get(id(variable))
        if depth is None or depth < lowest:
            continue
        if config.lora is not None and depth <= layers and not is_low_rank(variable):
            continue
        first_step = _first_step(config, layers + 1 - depth, total_steps / epochs)
        if first_step < total_steps:
            chosen.append((variable, _rate(config, depth, layers), first_step))
    variables, rates, first_steps = zip(*chosen, strict=True)
    return TrainingPlan(
        variables=variables,
        rates=rates,
        first_steps=first_steps,
        parameters=_parameters(variables),
        all_parameters=_parameters([variable for variable in network.weights if not is_low_rank(variable)]),
    )


def find_encoder(network: Any) -> Any:
    """The KerasHub backbone in a network."""
    return next(layer for layer in network.layers if hasattr(layer, "transformer_layers"))


def is_low_rank(variable: Any) -> bool:
    """Whether a variable is an A or B that `enable_lora` of Keras added."""
    return variable.name in ("lora_kernel_a", "lora_kernel_b")


def _depths(network: Any, encoder: Any) -> dict[int, int]:
    """By variable id: 0 = embeddings, 1 = the lowest layer, and so on up to the head; without what no output reads."""
    depths = {id(variable): len(encoder.transformer_layers) + 1 for variable in network.variables}
    depths |= {id(variable): 0 for variable in encoder.variables}
    for depth, layer in enumerate(encoder.transformer_layers, start=1):
        depths |= {id(variable): depth for variable in layer.variables}
    if (pooler := getattr(encoder, "pooled_dense", None)) is not None:
        # BERT's own pooling of [CLS]: the head reads the sequence.
        for variable in pooler.variables:
            del depths[id(variable)]
    return depths


def _first_step(config: TrainableConfig, place: int, steps_per_epoch: float) -> int:
    """`place` counts from the head, 0, downward."""
    return math.ceil(place * (config.unfreeze_every_epochs or 0.0) * steps_per_epoch)


def _rate(config: TrainableConfig, depth: int, layers: int) -> float:
    if depth > layers:
        return config.head_learning_rate_factor
    return config.layer_decay ** (layers - depth)


def _parameters(variables: Sequence[Any]) -> int:
    return sum(math.prod(variable.shape) for variable in variables)
