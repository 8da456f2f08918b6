"""What a pretrained encoder makes of texts at several depths: features for models that must cost little."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from components.core.artifacts import TransformGraph
from components.core.progress import NO_PROGRESS, Progress
from components.modeling.classifier import input_names
from components.modeling.encoder import load_backbone, start_embeddings
from components.modeling.graph_encoder import encoder_of
from components.modeling.pooling import MaskedMean
from components.modeling.scorer import Scorer
from components.modeling.tokenization import in_graph_tokenizer, pair_rows, token_rows
from tflite.host_tokenizer import TokenizerSpec

__all__ = ["layer_vectors"]

_LAYERS = 5
_BATCH_SIZE = 64
_TEXTS_A_STEP = 2048


def layer_vectors(
    graph: TransformGraph,
    texts: Sequence[str],
    contexts: Sequence[str | None],
    *,
    layers: int = _LAYERS,
    progress: Progress = NO_PROGRESS,
) -> NDArray[np.float32]:
    """The mean token vectors after each of the encoder's last layers side by side, float32 [rows, layers x width].

    What the last layer has given up for its own task, those before it still tell ("What do you learn from context?",
    Tenney et al., 2019).

    Args:
        graph: the tokenizer, and the pretrained encoder that it belongs to.
        texts: of the rows.
        contexts: what was said before each; None for nothing. Read only if the tokenizer has two segments.
        layers: at most so many, counted from the last.
        progress: is told how far it is.

    Raises:
        EncoderError: the encoder cannot be had.
    """
    progress.update("loading the encoder")
    backbone = load_backbone(encoder_of(graph))
    start_embeddings(backbone, graph.added_tokens())
    network = _network(backbone, layers)
    scorer = Scorer(network, ())
    specification = TokenizerSpec.load(graph.tokenizer_dir)
    tokenizer, segments = in_graph_tokenizer(specification), None
    if specification.segments == 1:
        rows = token_rows(tokenizer, texts)
    else:
        rows, segments = pair_rows(tokenizer, texts, [context or "" for context in contexts])
    by_length = np.argsort([len(row) for row in rows], kind="stable")
    total, done = sum(map(len, rows)), 0
    vectors = np.empty((len(rows), network.output.shape[-1]), np.float32)
    # The longest first: if there is too little memory, it shows at once.
    for start in range(0, len(rows), _TEXTS_A_STEP):
        progress.update("computing text vectors", completed=done, total=total)
        chosen = by_length[::-1][start : start + _TEXTS_A_STEP]
        own = [rows[row] for row in chosen]
        own_segments = None if segments is None else [segments[row] for row in chosen]
        vectors[chosen] = scorer.logits(own, segments=own_segments, batch_size=_BATCH_SIZE)
        done += sum(map(len, own))
    return vectors


def _network(backbone: Any, layers: int) -> keras.Model:
    """From token ids to the vectors, in place of logits."""
    inputs = {
        name: keras.Input((None,), dtype="int32", name=name)
        for name in ("token_ids", "segment_ids", "padding_mask")
    }
    outputs = [layer.output for layer in backbone.transformer_layers[-layers:]]
    by_depth = keras.Model(backbone.input, outputs)({name: inputs[name] for name in input_names(backbone)})
    means = [MaskedMean(dtype="float32")(sequence, inputs["padding_mask"]) for sequence in by_depth]
    return keras.Model(inputs, keras.layers.Concatenate(dtype="float32")(means))
