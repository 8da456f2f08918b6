"""Encoders with fewer attention heads than their width says, which KerasHub's layers do not provide for."""

from typing import Any

__all__ = ["count_heads", "keep_heads"]


def count_heads(backbone: Any) -> int:
    """Heads of each layer of a KerasHub backbone."""
    heads: int = backbone.transformer_layers[0]._self_attention_layer.num_heads
    return heads


def keep_heads(backbone: Any, count: int) -> None:
    """Gives every layer of a backbone an attention of `count` heads, each as wide as before, with new weights.

    A layer of KerasHub makes its own attention, of width / heads a head, so that fewer heads would be wider ones.
    """
    import keras

    for layer in backbone.transformer_layers:
        whole = layer._self_attention_layer
        part = type(whole).from_config({**whole.get_config(), "num_heads": count})
        shape = (None, None, backbone.hidden_dim)
        with keras.name_scope(layer.name, caller=layer):
            part.build(shape, shape)
        # In the place of the old one: optimizer, checkpoints and exports go by the order of the variables.
        layer._tracker.unlock()
        place = layer._layers.index(whole)
        layer._layers.remove(whole)
        layer._layers.insert(place, part)
        layer._self_attention_layer = part
        layer._tracker.lock()
