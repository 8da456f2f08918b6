"""Tiny networks of every family of encoders, with random weights."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from components.modeling.classifier import BackboneConfig, ModelConfig, build_network
from components.modeling.heads import Head

FAMILIES = ("BertBackbone", "DistilBertBackbone", "ElectraBackbone")
LAYERS = 3
VOCABULARY = 40
LABELS = ("anger", "fear", "joy")


def tiny_network(family: str = "BertBackbone", *, dtype: str = "float32", dropout: float = 0.0) -> Any:
    """A classifier of three labels on an encoder of three layers, 8 wide."""
    backbone = _backbone(family, dtype, dropout)
    return build_network(tiny_config(backbone), backbone=backbone)


def tiny_config(backbone: Any) -> ModelConfig:
    return ModelConfig(
        heads=(Head(outputs=LABELS),),
        thresholds=(0.5,) * len(LABELS),
        max_tokens=16,
        encoder="tiny",
        backbone=BackboneConfig.of(backbone),
        dropout=0.0,
    )


def _backbone(family: str, dtype: str, dropout: float) -> Any:
    import keras_hub

    keras.utils.set_random_seed(1)
    sizes = {
        "num_layers": LAYERS,
        "num_heads": 2,
        "hidden_dim": 8,
        "intermediate_dim": 16,
        "max_sequence_length": 16,
    }
    own = (
        {"vocab_size": VOCABULARY, "embedding_dim": 4}
        if family == "ElectraBackbone"
        else {"vocabulary_size": VOCABULARY}
    )
    return getattr(keras_hub.models, family)(**sizes, **own, dropout=dropout, dtype=dtype)


def some_inputs(rows: int = 4, *, seed: int = 0) -> dict[str, NDArray[np.int32]]:
    tokens = np.random.default_rng(seed).integers(1, VOCABULARY, (rows, 6)).astype(np.int32)
    return {
        "token_ids": tokens,
        "segment_ids": np.zeros_like(tokens),
        "padding_mask": np.ones_like(tokens),
    }


def some_targets(rows: int = 4, *, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).integers(0, 2, (rows, len(LABELS))).astype(np.float32)
