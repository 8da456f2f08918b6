"""Starts a training from an earlier model of the same kind, whatever happened to labels and vocabulary since."""

from collections.abc import Sequence

import keras
import numpy as np

from components.core.artifacts import Model
from components.core.errors import ConfigError
from components.modeling.classifier import LoadedModel, ModelConfig, load_model
from components.modeling.head_layers import LogitsByOutput, vector_count
from components.modeling.heads import Head
from components.modeling.pooling import TokenAttention
from tflite.host_tokenizer import TokenizerSpec

__all__ = ["start_from_model"]

_MAY_DIFFER = ("vocabulary_size", "dropout")
"""Arguments of a backbone that leave the shapes of its weights alone, but for the rows of the tokens."""


def start_from_model(
    network: keras.Model, config: ModelConfig, tokenizer: TokenizerSpec, initial: Model
) -> str:
    """Gives the network the weights of an earlier model.

    Embeddings go by token, heads by name, outputs by label: what is new keeps its own start, what is gone is left out.
    Numbers of a regression head are carried over to the new mean and standard deviation.

    Args:
        network: untrained, from `components.modeling.classifier.build_network`.
        config: of `network`.
        tokenizer: of `network`.
        initial: the earlier model.

    Returns:
        what was taken over, in a sentence.

    Raises:
        ConfigError: the earlier model is built otherwise.
    """
    earlier = load_model(initial)
    _check_alike(config, earlier.config)
    tokens = _copy_backbone(network, tokenizer, earlier)
    if config.hidden_units is not None:
        _copy_all(network.get_layer("hidden"), earlier.network.get_layer("hidden"))
    if config.pooling == "attention":
        _copy_all(network.get_layer("pooling"), earlier.network.get_layer("pooling"))
    new = _copy_heads(network, config.heads, earlier)
    told = f"starts from the model of {initial.path}"
    if new:
        told += f"; new outputs: {', '.join(new)}"
    gone = sorted(set(earlier.config.labels) - set(config.labels))
    if gone:
        told += f"; outputs that are gone: {', '.join(gone)}"
    if tokens:
        told += f"; new tokens: {tokens}"
    return told


def _check_alike(config: ModelConfig, earlier: ModelConfig) -> None:
    now, then = _architecture(config), _architecture(earlier)
    if different := [name for name, value in now.items() if then[name] != value]:
        name = different[0]
        raise ConfigError(
            f"trainer.warm_start: the last blessed model has {name} {then[name]!r}, this one {now[name]!r}; set it "
            "back, or train once without warm_start"
        )
    if earlier.members > 1:
        raise ConfigError(
            f"trainer.warm_start: the last blessed model is an average of {earlier.members} networks, of which none is "
            "the one to start from; use `ensemble: {combine: soup}`, or train without warm_start"
        )


def _architecture(config: ModelConfig) -> dict[str, object]:
    """What decides which weights there are, by the name that a person knows."""
    arguments = {name: value for name, value in config.backbone.arguments.items() if name not in _MAY_DIFFER}
    return {
        "encoder": config.backbone.class_name,
        "pooling": config.pooling,
        "hidden_units": config.hidden_units,
        **arguments,
        "num_heads": config.backbone.heads or arguments.get("num_heads"),
    }


def _copy_backbone(network: keras.Model, tokenizer: TokenizerSpec, earlier: LoadedModel) -> int:
    """Copies the encoder; returns how many tokens of the vocabulary the earlier model did not know."""
    here, there = _backbone(network), _backbone(earlier.network)
    table, old_table = here.token_embedding.embeddings, there.token_embedding.embeddings
    # Not `variables`: random states of dropout are among them, and those there are only where something is dropped.
    for variable, old in zip(here.weights, there.weights, strict=True):
        if variable is not table:
            variable.assign(old)
    known = {token: row for row, token in enumerate(earlier.tokenizer.vocabulary)}
    rows = [(row, known[token]) for row, token in enumerate(tokenizer.vocabulary) if token in known]
    new_rows, old_rows = np.array(rows).T
    values, old_values = np.array(table), np.array(old_table)
    values[new_rows] = old_values[old_rows]
    table.assign(values)
    return len(tokenizer.vocabulary) - len(rows)


def _backbone(network: keras.Model) -> keras.Model:
    return next(layer for layer in network.layers if isinstance(layer, keras.Model))


def _copy_heads(network: keras.Model, heads: Sequence[Head], earlier: LoadedModel) -> list[str]:
    """Copies what both have; returns the names of the outputs that the earlier model did not have."""
    old_heads = {head.name: head for head in earlier.config.heads}
    new: list[str] = []
    for head in heads:
        old = old_heads.get(head.name)
        if old is None or old.task != head.task or (head.task == "ordinal" and old.outputs != head.outputs):
            new += head.outputs
            continue
        layer = network.get_layer(_layer_name(head, heads))
        old_layer = earlier.network.get_layer(_layer_name(old, earlier.config.heads))
        if head.task == "ordinal":
            _copy_all(layer, old_layer)
            pairs = [(0, 0)]
        else:
            pairs = [
                (index, old.outputs.index(name))
                for index, name in enumerate(head.outputs)
                if name in old.outputs
            ]
            _copy_outputs(layer, old_layer, head, old, pairs)
            new += [name for name in head.outputs if name not in old.outputs]
        _copy_queries(
            network, earlier, pairs, _first_vector(head, heads), _first_vector(old, earlier.config.heads)
        )
    return new


def _copy_outputs(
    layer: keras.layers.Layer,
    old_layer: keras.layers.Layer,
    head: Head,
    old: Head,
    pairs: Sequence[tuple[int, int]],
) -> None:
    axis = 0 if isinstance(layer, LogitsByOutput) else 1
    kernel, bias = np.moveaxis(np.array(layer.kernel), axis, 0).copy(), np.array(layer.bias)
    old_kernel, old_bias = np.moveaxis(np.array(old_layer.kernel), axis, 0), np.array(old_layer.bias)
    for here, there in pairs:
        kernel[here], bias[here] = old_kernel[there], old_bias[there]
        if head.task == "regression":
            scale = old.std[there] / head.std[here]
            kernel[here] *= scale
            bias[here] = bias[here] * scale + (old.mean[there] - head.mean[here]) / head.std[here]
    layer.kernel.assign(np.moveaxis(kernel, 0, axis))
    layer.bias.assign(bias)


def _copy_queries(
    network: keras.Model, earlier: LoadedModel, pairs: Sequence[tuple[int, int]], first: int, old_first: int
) -> None:
    """Where every output has an attention of its own, it goes with the output."""
    pooling = network.get_layer("pooling")
    if not isinstance(pooling, TokenAttention) or not pooling.by_output:
        return
    queries, old = np.array(pooling.queries), np.array(earlier.network.get_layer("pooling").queries)
    for here, there in pairs:
        queries[:, first + here] = old[:, old_first + there]
    pooling.queries.assign(queries)


def _copy_all(layer: keras.layers.Layer, old: keras.layers.Layer) -> None:
    for variable, value in zip(layer.variables, old.variables, strict=True):
        variable.assign(value)


def _layer_name(head: Head, heads: Sequence[Head]) -> str:
    return "logits" if len(heads) == 1 else f"logits_{head.name}"


def _first_vector(head: Head, heads: Sequence[Head]) -> int:
    """The place of a head's first vector among those of all heads."""
    return vector_count(heads[: [one.name for one in heads].index(head.name)])
