"""Structured pruning: an encoder with fewer layers, or narrower ones, that starts from the weights of the whole one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from components.core.config import Config
from components.core.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["PruningConfig", "prune"]


class PruningConfig(Config):
    """What of the encoder is left out before the training, which then makes up for it; best with `distillation` from
    the whole model. Attention heads stay: KerasHub's layers tie their number to their width."""

    layers: int | tuple[int, ...] | None = None
    """How many of the encoder's layers are kept, the lowest ones, since the upper ones serve the pretraining task
    (Sajjad et al., 2023, "On the effect of dropping layers of pre-trained transformer models"); or which, counted from
    0 at the bottom: `[0, 2, 5]`. None, the default, keeps all."""

    feed_forward: int | None = Field(default=None, ge=1)
    """How many units of every layer's feed-forward part are kept, of four times the width in BERT: those whose incoming
    and outgoing weights have the largest norms (after Li et al., 2017, "Pruning filters for efficient ConvNets"). None,
    the default, keeps all."""

    @field_validator("layers")
    @classmethod
    def _check_layers(cls, layers: int | tuple[int, ...] | None) -> int | tuple[int, ...] | None:
        if isinstance(layers, int):
            if layers < 1:
                raise ValueError("at least 1 layer has to be kept")
        elif layers is not None and (not layers or list(layers) != sorted(set(layers)) or layers[0] < 0):
            raise ValueError("name the layers to keep in ascending order, each once, counted from 0")
        return layers


def prune(backbone: Any, config: PruningConfig) -> Any:
    """A backbone of the same class with the weights that are kept.

    Args:
        backbone: of KerasHub's BERT family, with its weights.
        config: what is kept.

    Raises:
        ConfigError: the encoder has fewer layers or units than are to be kept.
    """
    from components.modeling.gelu import use_in

    layers = _kept_layers(config.layers, backbone.num_layers)
    units = config.feed_forward or backbone.intermediate_dim
    if units > backbone.intermediate_dim:
        raise ConfigError(
            f"trainer.pruning.feed_forward: {units} units cannot be kept of {backbone.intermediate_dim}; name fewer"
        )
    size = {"num_layers": len(layers), "intermediate_dim": units}
    pruned = type(backbone).from_config({**backbone.get_config(), **size})
    use_in(pruned)
    for layer in pruned.layers:
        if layer.weights and layer not in pruned.transformer_layers:
            layer.set_weights(backbone.get_layer(layer.name).get_weights())
    for number, layer in zip(layers, pruned.transformer_layers, strict=True):
        _copy(backbone.transformer_layers[number], layer, units)
    return pruned


def _kept_layers(layers: int | Sequence[int] | None, count: int) -> Sequence[int]:
    kept = range(layers) if isinstance(layers, int) else range(count) if layers is None else layers
    if kept[-1] >= count:
        raise ConfigError(
            f"trainer.pruning.layers: the encoder has {count} layers, 0 to {count - 1}, and {layers} were to be kept; "
            "name fewer"
        )
    return kept


def _copy(whole: Any, part: Any, units: int) -> None:
    """Gives a layer the weights of another, or of the units of its feed-forward part that weigh most."""
    kept = _heaviest_units(whole, units)
    for variable, source in zip(part.variables, whole.variables, strict=True):
        values = source.numpy()
        for axis, (size, wanted) in enumerate(zip(values.shape, variable.shape, strict=True)):
            if size != wanted:
                values = values.take(kept, axis)
        variable.assign(values)


def _heaviest_units(layer: Any, count: int) -> "NDArray[np.intp]":
    """Numbers of the feed-forward units with the largest products of norms, ascending."""
    import numpy as np

    incoming = layer._feedforward_intermediate_dense.kernel.numpy()
    outgoing = layer._feedforward_output_dense.kernel.numpy()
    weights = np.linalg.norm(incoming, axis=0) * np.linalg.norm(outgoing, axis=1)
    return np.sort(np.argsort(-weights, kind="stable")[:count])
