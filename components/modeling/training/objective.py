"""What a training minimises: the losses of the heads."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

import keras
import tensorflow as tf

from components.modeling.heads import Head, columns, logit_columns
from components.modeling.losses.head_loss import HeadLoss, plain_loss

__all__ = ["BatchLoss", "HeadsLoss", "NetworkObjective", "Objective", "TokenInputs"]

TokenInputs: TypeAlias = Mapping[str, tf.Tensor]
"""The network's inputs: `token_ids`, `segment_ids`, `padding_mask`, each int32 [rows, seq_len]."""

BatchLoss: TypeAlias = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]
"""From logits, float32 [rows, logits], targets and weights as in `Objective` to the loss of a batch, float32 []."""


class Objective(Protocol):
    """What a step minimises."""

    def __call__(self, inputs: TokenInputs, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """The loss of a batch, float32 [], computed in training mode.

        Args:
            inputs: of the network.
            targets: float32 [rows, outputs], NaN = unknown.
            weights: float32 [rows].
        """


class HeadsLoss:
    """The loss of a batch: the sum over heads of loss weight x mean over the rows of loss x row weight.

    A row of which a head knows nothing adds nothing to it.
    """

    def __init__(
        self,
        heads: Sequence[Head],
        *,
        losses: Mapping[str, HeadLoss] | None = None,
        loss_weights: Mapping[str, float] | None = None,
    ) -> None:
        """`losses` and `loss_weights` are by head name; a head without gets the plain loss of its task and 1."""
        logits, outputs = logit_columns(heads), columns(heads)
        self._parts = [
            (
                logits[head.name],
                outputs[head.name],
                (losses or {}).get(head.name) or plain_loss(head),
                (loss_weights or {}).get(head.name, 1.0),
            )
            for head in heads
        ]

    def __call__(self, logits: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """The loss, float32 [], of logits float32 [rows, logits]; the rest as in `Objective`."""
        return tf.add_n(
            [
                factor * _masked_mean(loss, logits[:, own], targets[:, outputs], weights)
                for own, outputs, loss, factor in self._parts
            ]
        )


def _masked_mean(loss: HeadLoss, logits: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    unknown = tf.math.is_nan(targets)
    known = tf.cast(~tf.reduce_any(unknown, axis=1), tf.float32)
    weights = known * weights
    return tf.reduce_mean(loss(logits, tf.where(unknown, 0.0, targets), weights) * weights)


class NetworkObjective:
    """The loss of a network's answers."""

    def __init__(self, network: keras.Model, loss: BatchLoss) -> None:
        self._network = network
        self._loss = loss

    def __call__(self, inputs: TokenInputs, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        return self._loss(self._network(inputs, training=True), targets, weights)
