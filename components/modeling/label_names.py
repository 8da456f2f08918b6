"""A start for heads: what the pretrained encoder makes of the labels' names.

Without it the first thousand steps teach what the words `gratitude` or `fear` could have told, and a label with few
examples never learns it well (Wang et al., 2018, "Joint embedding of words and labels for text classification").
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from components.core.errors import ConfigError
from components.modeling.classifier import input_names
from components.modeling.dataset import pad_tokens
from components.modeling.head_layers import LogitsByOutput, vector_count
from components.modeling.heads import Head
from components.modeling.pooling import MaskedMean, TokenAttention
from components.modeling.tokenization import in_graph_tokenizer, token_rows
from tflite.host_tokenizer import TokenizerSpec

__all__ = ["encode_label_names", "start_from_names"]

_KERNEL_SCALE = 0.5
"""Length of what a name adds to its label's kernel: the first logits of MiniLM then differ by about 1 between texts."""


def encode_label_names(
    backbone: Any, tokenizer: TokenizerSpec, labels: Sequence[str], descriptions: Mapping[str, str]
) -> dict[str, NDArray[np.float32]]:
    """The mean token vector of each label's description, or of its name, float32 [width].

    Args:
        backbone: from `components.modeling.encoder.load_backbone`, untrained.
        tokenizer: what its texts are tokenized by.
        labels: names; of `sentiment/very_good` the encoder reads `very good`.
        descriptions: what to read in place of the name, by label.

    Raises:
        ConfigError: a description is of a label that does not exist.
    """
    if unknown := sorted(descriptions.keys() - set(labels)):
        raise ConfigError(
            f"trainer.label_descriptions: there is no label {unknown[0]!r}; there are "
            f"{', '.join(labels) or 'none'}"
        )
    if not labels:
        return {}
    texts = [descriptions.get(label) or label.rpartition("/")[2].replace("_", " ") for label in labels]
    inputs = pad_tokens(token_rows(in_graph_tokenizer(tokenizer), texts))
    encoded = backbone({name: inputs[name] for name in input_names(backbone)}, training=False)
    sequence = encoded["sequence_output"] if isinstance(encoded, dict) else encoded
    vectors = MaskedMean(dtype="float32")(sequence, inputs["padding_mask"]).numpy()
    return dict(zip(labels, vectors, strict=True))


def start_from_names(
    network: keras.Model, heads: Sequence[Head], names: Mapping[str, NDArray[np.float32]]
) -> None:
    """Points the untrained heads of labels where their names point; heads of numbers and of levels stay.

    The attention of a label starts at the direction of its name, and its kernel where that differs from the names of
    the head's other labels. A layer between pooling and heads has directions of its own: there kernels stay.

    Args:
        network: from `components.modeling.classifier.build_network`.
        heads: its heads.
        names: by label, float32 [width], from `encode_label_names`.
    """
    pooling = network.get_layer("pooling")
    has_hidden_layer = any(layer.name == "hidden" for layer in network.layers)
    first = 0
    for head in heads:
        own = slice(first, first := first + vector_count([head]))
        if head.task not in ("multi_label", "single_label"):
            continue
        vectors = np.stack([names[label] for label in head.outputs])
        if isinstance(pooling, TokenAttention) and pooling.by_output:
            queries = pooling.queries.numpy()
            queries[:, own] = _unit(vectors).T
            pooling.queries.assign(queries)
        if not has_hidden_layer:
            layer = network.get_layer("logits" if len(heads) == 1 else f"logits_{head.name}")
            directions = _KERNEL_SCALE * _unit(vectors - vectors.mean(axis=0))
            layer.kernel.assign_add(directions if isinstance(layer, LogitsByOutput) else directions.T)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The rows at length 1; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return scaled
