"""A network of one embedding and one layer for the tests of this package, and batches for it."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from components.modeling.heads import Head
from components.modeling.training.objective import HeadsLoss, NetworkObjective

HEADS = (Head(outputs=("joy", "fear", "anger")),)
ROWS, LENGTH, VOCABULARY, WIDTH = 4, 5, 24, 6


def toy_network(dtype: str = "float32", *, dropout: float = 0.0) -> keras.Model:
    """Word embeddings, a nonlinear layer, their mean and logits; nothing random but its initial weights."""
    keras.utils.set_random_seed(3)
    inputs = {
        name: keras.Input((None,), dtype="int32", name=name)
        for name in ("token_ids", "segment_ids", "padding_mask")
    }
    words = keras.layers.Embedding(VOCABULARY, WIDTH, name="words", dtype=dtype)(inputs["token_ids"])
    hidden = keras.layers.Dense(
        WIDTH, "tanh", dtype=dtype, kernel_initializer=keras.initializers.RandomNormal(stddev=2.0)
    )(20 * words)
    mask = keras.ops.cast(inputs["padding_mask"], "float32")[:, :, None]
    pooled = keras.ops.sum(keras.ops.cast(hidden, "float32") * mask, axis=1)
    logits = keras.layers.Dense(3, dtype="float32")(keras.layers.Dropout(dropout)(pooled))
    return keras.Model(inputs, logits)


def toy_objective(network: keras.Model) -> NetworkObjective:
    return NetworkObjective(network, HeadsLoss(HEADS))


def toy_batch(*, repeats: bool = False, seed: int = 0) -> tuple[dict[str, tf.Tensor], tf.Tensor, tf.Tensor]:
    """Inputs, targets and weights. Without `repeats`, no token but padding (0) occurs twice."""
    generator = np.random.default_rng(seed)
    token_ids = np.arange(1, 1 + ROWS * LENGTH, dtype=np.int32).reshape(ROWS, LENGTH)
    if repeats:
        token_ids = generator.integers(1, VOCABULARY, (ROWS, LENGTH)).astype(np.int32)
    mask = np.ones_like(token_ids)
    mask[1, 3:] = 0
    inputs: dict[str, Any] = {
        "token_ids": token_ids * mask,
        "segment_ids": np.zeros_like(mask),
        "padding_mask": mask,
    }
    targets = generator.integers(0, 2, (ROWS, 3)).astype(np.float32)
    weights = np.float32([1, 2, 0.5, 1])
    return (
        {name: tf.constant(value) for name, value in inputs.items()},
        tf.constant(targets),
        tf.constant(weights),
    )
