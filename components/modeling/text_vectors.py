"""The vector that a model makes of a text: what its heads decide from."""

from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray

from components.modeling.classifier import LoadedModel
from components.modeling.ensembles.average import member_name
from components.modeling.scorer import Scorer
from components.modeling.tokenization import token_rows

__all__ = ["row_vectors", "text_vectors"]

_BATCH_SIZE = 64


def text_vectors(
    model: LoadedModel, texts: Sequence[str], *, batch_size: int = _BATCH_SIZE
) -> NDArray[np.float32]:
    """The pooled vector of every text, float32 [rows, width]; of several members, theirs side by side."""
    members = (
        [model.network]
        if model.config.members == 1
        else [model.network.get_layer(member_name(number)) for number in range(model.config.members)]
    )
    rows = token_rows(model.in_graph_tokenizer, texts)
    return np.concatenate([row_vectors(member, rows, batch_size=batch_size) for member in members], axis=1)


def row_vectors(
    network: keras.Model,
    rows: Sequence[NDArray[np.int32]],
    *,
    segments: Sequence[NDArray[np.int32]] | None = None,
    batch_size: int = _BATCH_SIZE,
) -> NDArray[np.float32]:
    """The pooled vector of every row of token ids, float32 [rows, width]; where each output has its own, their mean."""
    pooled = network.get_layer("pooling").output
    if len(pooled.shape) == 3:
        pooled = keras.ops.mean(pooled, axis=1)
    # A scorer without heads gives what a network gives; here that is no logits.
    scorer = Scorer(keras.Model(network.input, pooled), ())
    return scorer.logits(rows, segments=segments, batch_size=batch_size)
