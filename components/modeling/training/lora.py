"""Low-rank adaptation (Hu et al., 2022, "LoRA", section 4.1) of a network's encoder, by Keras's own layers."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from components.modeling.training.trainable import LoraConfig, find_encoder, is_low_rank

__all__ = ["add_lora", "plain_weights"]

_LAYER_NAMES = {
    "feedforward_intermediate": "feedforward_intermediate_dense",
    "feedforward_output": "feedforward_output_dense",
}
"""Names of layers in KerasHub's TransformerEncoder, where they are not those of the setting."""


def add_lora(network: keras.Model, config: LoraConfig, *, top_layers: int | None = None) -> None:
    """Adds A and B to the configured kernels: A is random, B is 0, and the network answers as before.

    Args:
        network: an encoder and what stands on it.
        config: as set.
        top_layers: upper layers of the encoder that get them; None for all.
    """
    names = {_LAYER_NAMES.get(target, target) for target in config.targets}
    layers = find_encoder(network).transformer_layers
    for layer in layers[len(layers) - (len(layers) if top_layers is None else top_layers) :]:
        for part in layer._flatten_layers(include_self=False):
            if part.name in names:
                part.enable_lora(config.rank, lora_alpha=config.alpha)


def plain_weights(
    network: keras.Model, values: Mapping[int, NDArray[np.float32]] | None = None
) -> list[NDArray[np.float32]]:
    """The weights of the same network without A and B, which are added to their kernels, in float32.

    Without low-rank additions it is `network.get_weights()`.

    Args:
        network: with or without them.
        values: what stands in for the value of a variable, by its `id`.
    """

    def value(variable: Any) -> NDArray[np.float32]:
        found = (values or {}).get(id(variable))
        return keras.ops.convert_to_numpy(variable) if found is None else found

    adapted = {
        id(layer._kernel): layer
        for layer in network._flatten_layers()
        if getattr(layer, "lora_enabled", False)
    }
    return [
        value(variable) if (layer := adapted.get(id(variable))) is None else _merged_kernel(layer, value)
        for variable in network.weights
        if not is_low_rank(variable)
    ]


def _merged_kernel(layer: Any, value: Callable[[Any], NDArray[np.float32]]) -> NDArray[np.float32]:
    """What `layer.kernel` is, which Keras rounds to the layer's compute type."""
    kernel, a, b = map(value, (layer._kernel, layer.lora_kernel_a, layer.lora_kernel_b))
    merged: NDArray[np.float32] = kernel + np.float32(layer.lora_alpha / layer.lora_rank) * (a @ b)
    return merged
