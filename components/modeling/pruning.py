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

_REST = (
    "_self_attention_layer_norm",
    "_feedforward_layer_norm",
    "_feedforward_intermediate_dense",
    "_feedforward_output_dense",
)
"""The parts of KerasHub's TransformerEncoder with weights, but for its attention."""


class PruningConfig(Config):
    """What of the encoder is left out before the training, which then makes up for it; best with `distillation` from
    the whole model."""

    layers: int | tuple[int, ...] | None = None
    """How many of the encoder's layers are kept, the lowest ones, since the upper ones serve the pretraining task
    (Sajjad et al., 2023, "On the effect of dropping layers of pre-trained transformer models"); or which, counted from
    0 at the bottom: `[0, 2, 5]`. None, the default, keeps all."""

    feed_forward: int | None = Field(default=None, ge=1)
    """How many units of every layer's feed-forward part are kept, of four times the width in BERT: those whose incoming
    and outgoing weights have the largest norms (after Li et al., 2017, "Pruning filters for efficient ConvNets"). None,
    the default, keeps all."""

    heads: int | None = Field(default=None, ge=1)
    """How many attention heads of every layer are kept: those whose value and output weights have the largest norms
    (after Michel et al., 2019, "Are sixteen heads really better than one?", who go by gradients). None, the default,
    keeps all."""

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
        ConfigError: the encoder has fewer layers, units or heads than are to be kept.
    """
    from components.modeling.attention_heads import count_heads, keep_heads
    from components.modeling.gelu import use_in

    layers = _kept_layers(config.layers, backbone.num_layers)
    units = _kept("feed_forward", "units", config.feed_forward, backbone.intermediate_dim)
    heads = _kept("heads", "heads", config.heads, count_heads(backbone))
    size = {"num_layers": len(layers), "intermediate_dim": units}
    pruned = type(backbone).from_config({**backbone.get_config(), **size})
    use_in(pruned)
    if heads != count_heads(pruned):
        keep_heads(pruned, heads)
    for layer in pruned.layers:
        if layer.weights and layer not in pruned.transformer_layers:
            layer.set_weights(backbone.get_layer(layer.name).get_weights())
    for number, layer in zip(layers, pruned.transformer_layers, strict=True):
        whole = backbone.transformer_layers[number]
        _copy(whole._self_attention_layer, layer._self_attention_layer, _heaviest_heads(whole, heads))
        kept_units = _heaviest_units(whole, units)
        for name in _REST:
            _copy(getattr(whole, name), getattr(layer, name), kept_units)
    return pruned


def _kept_layers(layers: int | Sequence[int] | None, count: int) -> Sequence[int]:
    kept = range(layers) if isinstance(layers, int) else range(count) if layers is None else layers
    if kept[-1] >= count:
        raise ConfigError(
            f"trainer.pruning.layers: the encoder has {count} layers, 0 to {count - 1}, and {layers} were to be kept; "
            "name fewer"
        )
    return kept


def _kept(setting: str, what: str, wanted: int | None, count: int) -> int:
    if wanted is not None and wanted > count:
        raise ConfigError(f"trainer.pruning.{setting}: {wanted} {what} cannot be kept of {count}; name fewer")
    return wanted or count


def _copy(whole: Any, part: Any, kept: "NDArray[np.intp]") -> None:
    """Gives a layer the weights of another, or of its units or heads that are kept."""
    for variable, source in zip(part.weights, whole.weights, strict=True):
        values = source.numpy()
        for axis, (size, wanted) in enumerate(zip(values.shape, variable.shape, strict=True)):
            if size != wanted:
                values = values.take(kept, axis)
        variable.assign(values)


def _heaviest_units(layer: Any, count: int) -> "NDArray[np.intp]":
    """Numbers of the feed-forward units whose weights have the largest norms, ascending."""
    incoming = layer._feedforward_intermediate_dense.kernel.numpy()
    outgoing = layer._feedforward_output_dense.kernel.numpy()
    return _heaviest(incoming.T, outgoing, count)


def _heaviest_heads(layer: Any, count: int) -> "NDArray[np.intp]":
    """Numbers of the attention heads whose weights have the largest norms, ascending."""
    attention = layer._self_attention_layer
    values = attention.value_dense.kernel.numpy().swapaxes(0, 1)
    outputs = attention.output_dense.kernel.numpy()
    return _heaviest(values.reshape(len(values), -1), outputs.reshape(len(outputs), -1), count)


def _heaviest(
    incoming: "NDArray[np.float32]", outgoing: "NDArray[np.float32]", count: int
) -> "NDArray[np.intp]":
    """Of parts with weights [parts, …] into and out of them, those with the largest products of norms, ascending."""
    import numpy as np

    weights = np.linalg.norm(incoming, axis=1) * np.linalg.norm(outgoing, axis=1)
    return np.sort(np.argsort(-weights, kind="stable")[:count])
