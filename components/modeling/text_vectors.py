"""The vector that a model makes of a text: what its heads decide from."""

from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray

from components.modeling.classifier import LoadedModel
from components.modeling.ensembles.average import member_name
from components.modeling.scorer import Scorer
from components.modeling.tokenization import token_rows

__all__ = ["text_vectors"]


def text_vectors(model: LoadedModel, texts: Sequence[str], *, batch_size: int = 64) -> NDArray[np.float32]:
    """The pooled vector of every text, float32 [rows, width]; of several members, theirs side by side.

    Where every output has a vector of its own it is their mean.
    """
    members = (
        [model.network]
        if model.config.members == 1
        else [model.network.get_layer(member_name(number)) for number in range(model.config.members)]
    )
    rows = token_rows(model.in_graph_tokenizer, texts)
    parts = []
    for member in members:
        vectors = member.get_layer("pooling").output
        if len(vectors.shape) > 2:
            vectors = keras.ops.mean(vectors, axis=1)
        pooled = keras.Model(member.input, vectors)
        # A scorer gives what a network gives; here that is no logits.
        parts.append(Scorer(pooled, model.config.heads).logits(rows, batch_size=batch_size))
    return np.concatenate(parts, axis=1)
