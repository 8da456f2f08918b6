"""Networks that compute some of their layers in another way."""

from collections.abc import Callable
from typing import Any

import keras

__all__ = ["with_substitutes"]


def with_substitutes(network: keras.Model, substitute: Callable[[Any], Any]) -> keras.Model:
    """The same layers and variables in a model that calls what stands in for a layer, at any depth.

    Args:
        network: a functional model.
        substitute: from a layer to what is called in its place; itself to leave it.
    """

    def call(layer: Any, *arguments: Any, **named: Any) -> Any:
        return substitute(layer)(*arguments, **named)

    changed: keras.Model = keras.models.clone_model(
        network, clone_function=lambda layer: layer, call_function=call, recursive=True
    )
    return changed
