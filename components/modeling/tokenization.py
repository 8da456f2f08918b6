"""The in-graph tokenizer of a specification, and what it makes of texts that are at hand."""

from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from serving.tokenizer import InGraphTokenizer
from tflite.host_tokenizer import TokenizerSpec

__all__ = ["in_graph_tokenizer", "pair_rows", "token_rows"]

_TEXTS_AT_A_TIME = 1024


def in_graph_tokenizer(spec: TokenizerSpec) -> InGraphTokenizer:
    """The TensorFlow tokenizer that gives the token ids of `HostTokenizer(spec)`."""
    return InGraphTokenizer(
        spec.vocabulary,
        lowercase=spec.rules.lowercase,
        strip_accents=spec.rules.strip_accents,
        special_tokens=spec.rules.special_tokens,
        characters=spec.rules.characters,
        max_tokens=spec.max_tokens,
        context_position=spec.context_position,
    )


def token_rows(tokenizer: InGraphTokenizer, texts: Sequence[str]) -> list[NDArray[np.int32]]:
    """The token ids of each text."""
    return [row for batch in _batches(texts) for row in _rows(tokenizer.tokenize(batch))]


def pair_rows(
    tokenizer: InGraphTokenizer, texts: Sequence[str], contexts: Sequence[str]
) -> tuple[list[NDArray[np.int32]], list[NDArray[np.int32]]]:
    """The token ids and the segment ids of each text with its context."""
    rows: list[NDArray[np.int32]] = []
    segments: list[NDArray[np.int32]] = []
    for text, context in zip(_batches(texts), _batches(contexts), strict=True):
        tokens, own = tokenizer.frame_pair(tokenizer.pieces(text), tokenizer.pieces(context))
        rows += _rows(tokens)
        segments += _rows(own)
    return rows, segments


def _batches(texts: Sequence[str]) -> Iterator[tf.Tensor]:
    for start in range(0, len(texts), _TEXTS_AT_A_TIME):
        # A lone surrogate has no UTF-8 form; the cleaning would drop it.
        batch = [text.encode(errors="ignore") for text in texts[start : start + _TEXTS_AT_A_TIME]]
        yield tf.constant(batch, tf.string)


def _rows(ragged: tf.RaggedTensor) -> list[NDArray[np.int32]]:
    return np.split(ragged.values.numpy(), ragged.row_splits.numpy()[1:-1])
