"""The same model with smaller weights, for a smaller server.

Pooling, heads and activations stay in float32: they are small, and thresholds are held against what they give.
"""

import gc
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import keras

from components.modeling.classifier import LoadedModel, build_network
from components.modeling.gelu import use_in
from components.modeling.precision import WeightPrecision

__all__ = ["with_weights_in"]

_WEIGHTS_ALONE = keras.quantizers.Int8QuantizationConfig(activation_quantizer=None)
"""Activations stay float32: products of int8 numbers are slower than of float32 in TensorFlow on a CPU."""


def with_weights_in(precision: WeightPrecision, model: LoadedModel) -> LoadedModel:
    """The model with its encoder's weights in another precision; `model` itself stays as it is."""
    if precision == "float32":
        return model
    network = build_network(model.config, encoder_dtype="bfloat16" if precision == "bfloat16" else "float32")
    network.set_weights(model.network.get_weights())
    for encoder in _encoders(network):
        if precision == "bfloat16":
            # Keras's own would round every step of its polynomial.
            use_in(encoder)
        else:
            _quantize(encoder)
    return replace(model, network=network)


def _encoders(network: keras.Model) -> Iterator[Any]:
    """One, or those of all members of an average."""
    return (layer for layer in network._flatten_layers() if hasattr(layer, "transformer_layers"))


def _quantize(encoder: Any) -> None:
    # Keras collects garbage after every layer: most of the time, if it had to look at all that there is.
    gc.freeze()
    try:
        for layer in encoder._flatten_layers():
            if isinstance(layer, keras.layers.Dense | keras.layers.EinsumDense | keras.layers.Embedding):
                # KerasHub's embedding is a subclass of Keras's that changes nothing.
                layer.quantize("int8", type_check=False, config=_WEIGHTS_ALONE)
    finally:
        gc.unfreeze()
