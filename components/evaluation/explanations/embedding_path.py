"""The way from a text whose words are hidden to the text, through the space of the word embeddings."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TypeAlias

import keras
import tensorflow as tf

from components.modeling.shifted_embedding import shifted

__all__ = ["EmbeddingPath"]

_Inputs: TypeAlias = Mapping[str, tf.Tensor]


class EmbeddingPath:
    """A straight line from the embeddings of the hidden text to those of the text; positions and segments stay.

    Of several embeddings (the members of an ensemble) all move together.
    """

    def __init__(self, network: keras.Model, embeddings: Sequence[keras.layers.Layer]) -> None:
        """Takes a network and its layers that look up token ids.

        Args:
            network: from `token_ids`, `segment_ids` and `padding_mask` int32 [batch, seq_len] to scores float32
                [batch, outputs]; its rows do not influence each other.
            embeddings: moved together.
        """
        self._network = network
        self._embeddings = tuple(embeddings)

    def score(
        self, inputs: _Inputs, hidden: tf.Tensor, fractions: tf.Tensor, outputs: tf.Tensor
    ) -> tf.Tensor:
        """The scores on the way, float32 [rows].

        Args:
            inputs: of the texts.
            hidden: int32 [rows, seq_len], the token ids of the hidden texts.
            fractions: float32 [rows], 0 at the hidden text, 1 at the text.
            outputs: int32 [rows], columns of the scores.
        """
        return self._shifted_score(inputs, self._ways(inputs, hidden), fractions, outputs)[0]

    def slope(
        self, inputs: _Inputs, hidden: tf.Tensor, fractions: tf.Tensor, outputs: tf.Tensor
    ) -> tf.Tensor:
        """How fast the score rises on the way by token: gradient x (text - hidden text), float32 [rows, seq_len].

        Arguments as for `score`.
        """
        ways = self._ways(inputs, hidden)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            score, shifts = self._shifted_score(inputs, ways, fractions, outputs, tape)
        gradients = tape.gradient(score, shifts)
        slopes = [
            tf.reduce_sum(gradient * way, axis=-1) for gradient, way in zip(gradients, ways, strict=True)
        ]
        return tf.add_n(slopes)

    def _ways(self, inputs: _Inputs, hidden: tf.Tensor) -> list[tf.Tensor]:
        """From each embedding of the hidden text to that of the text, float32 [rows, seq_len, width]."""
        return [
            tf.cast(embedding(inputs["token_ids"]), tf.float32) - tf.cast(embedding(hidden), tf.float32)
            for embedding in self._embeddings
        ]

    def _shifted_score(
        self,
        inputs: _Inputs,
        ways: Sequence[tf.Tensor],
        fractions: tf.Tensor,
        outputs: tf.Tensor,
        tape: tf.GradientTape | None = None,
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """The scores, and what the embeddings are moved by, which the tape watches."""
        shifts = [(fractions - 1.0)[:, tf.newaxis, tf.newaxis] * way for way in ways]
        if tape is not None:
            tape.watch(shifts)
        with ExitStack() as stack:
            for embedding, shift in zip(self._embeddings, shifts, strict=True):
                stack.enter_context(shifted(embedding, shift))
            scores = self._network(inputs, training=False)
        return tf.gather(scores, outputs, axis=1, batch_dims=1), shifts
