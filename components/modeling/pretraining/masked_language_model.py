"""An encoder that says which tokens were hidden."""

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.modeling.encoder import embedding_rows
from components.modeling.pretraining.masked_token_head import MaskedTokenHead
from components.modeling.pretraining.masking import MaskedBatch
from components.modeling.scorer import INPUT_SPEC
from components.modeling.training.adamw import AdamW

__all__ = ["MaskedLanguageModel", "TakeStep"]

_PSEUDO_COUNT = 1.0
_BATCH_SPEC = [INPUT_SPEC, tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], tf.int32)]

TakeStep: TypeAlias = Callable[[MaskedBatch], tf.Tensor]
"""Updates the weights; returns the loss before, float32 []."""


class MaskedLanguageModel:
    """An encoder with a head for hidden tokens.

    Logits are computed for hidden places alone, 15 % of all: the product with the whole vocabulary is what would
    dominate a step otherwise.

    Args:
        backbone: the encoder, of any precision; it is trained in place.
        token_counts: int64 [embeddings], how often each token occurs: what a new head starts from.
        head_weights: of a published head; None for a new one.
    """

    def __init__(
        self,
        backbone: Any,
        token_counts: NDArray[np.int64],
        head_weights: dict[str, NDArray[np.float32]] | None,
    ) -> None:
        counts = np.zeros(embedding_rows(backbone)) + _PSEUDO_COUNT
        counts[: len(token_counts)] += token_counts
        bias = np.log(counts / counts.sum()).astype(np.float32)
        self._backbone = backbone
        self._head = MaskedTokenHead(
            backbone.hidden_dim, bias, dtype=backbone.dtype_policy, name="hidden_tokens"
        )
        if head_weights is not None:
            self._head.load(head_weights)

        @tf.function(input_signature=_BATCH_SPEC, autograph=False)
        def loss_outside_training(inputs: Any, positions: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
            return self._loss(inputs, positions, tokens, training=False)

        self._loss_outside_training = loss_outside_training

    @property
    def head_variables(self) -> list[keras.Variable]:
        """What a new head learns before the encoder may change."""
        return list(self._head.trainable_variables)

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        """The encoder's and the head's."""
        return [*self._backbone.trainable_variables, *self.head_variables]

    @property
    def variables(self) -> list[keras.Variable]:
        """All that changes, random states included."""
        return [*self._backbone.variables, *self._head.variables]

    def step(self, variables: Sequence[keras.Variable], optimizer: AdamW) -> TakeStep:
        """A step of training some of the variables, in the optimizer's order."""
        values = [variable.value for variable in variables]

        @tf.function(input_signature=_BATCH_SPEC, autograph=False)
        def step(inputs: Any, positions: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(values)
                loss = self._loss(inputs, positions, tokens, training=True)
            # Of the embeddings, the lookup gives rows and the tied output a whole matrix; their sum is a matrix.
            optimizer.apply([_dense(gradient) for gradient in tape.gradient(loss, values)])
            return loss

        return lambda batch: step(*_tensors(batch))

    def perplexity(self, batches: Sequence[MaskedBatch]) -> float:
        """e to the mean cross-entropy of the hidden tokens."""
        hidden = [len(batch.tokens) for batch in batches]
        losses = [float(self._loss_outside_training(*_tensors(batch))) for batch in batches]
        return math.exp(float(np.average(losses, weights=hidden)))

    def _loss(self, inputs: Any, positions: tf.Tensor, tokens: tf.Tensor, *, training: bool) -> tf.Tensor:
        """The mean cross-entropy of the hidden tokens, float32 []."""
        backbone = self._backbone
        taken = (
            backbone.input if isinstance(backbone.input, dict) else [item.name for item in backbone.inputs]
        )
        encoded = backbone({name: inputs[name] for name in taken}, training=training)
        sequence = encoded["sequence_output"] if isinstance(encoded, dict) else encoded
        vectors = tf.gather(tf.reshape(sequence, [-1, sequence.shape[-1]]), positions)
        logits = self._head(vectors, backbone.token_embedding.embeddings)
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(tokens, logits))


def _tensors(batch: MaskedBatch) -> tuple[Any, Any, Any]:
    return dict(batch.inputs), batch.positions, batch.tokens


def _dense(gradient: Any) -> Any:
    return tf.convert_to_tensor(gradient) if isinstance(gradient, tf.IndexedSlices) else gradient
