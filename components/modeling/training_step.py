"""One step of training: forward, loss, backward, update, in one graph."""

from collections.abc import Mapping

import keras
import tensorflow as tf

from components.modeling.adamw import AdamW
from components.modeling.dataset import Batch
from components.modeling.scorer import INPUT_SPEC

__all__ = ["TrainingStep"]


class TrainingStep:
    """Trains a network on one batch after the other.

    The loss of a text is the mean binary cross-entropy of its labels; the loss of a batch is the mean over its texts,
    each multiplied by its weight.
    """

    def __init__(self, network: keras.Model, optimizer: AdamW, *, label_smoothing: float) -> None:
        """`label_smoothing` (0-1) is the share of each target that is replaced by 0.5."""
        labels = network.output.shape[-1]
        variables = [variable.value for variable in network.trainable_variables]

        @tf.function(
            input_signature=[INPUT_SPEC, tf.TensorSpec([None, labels]), tf.TensorSpec([None])],
            jit_compile=False,
        )
        def step(inputs: Mapping[str, tf.Tensor], targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
            smoothed = targets * (1 - label_smoothing) + 0.5 * label_smoothing
            with tf.GradientTape() as tape:
                logits = network(inputs, training=True)
                losses = tf.nn.sigmoid_cross_entropy_with_logits(smoothed, logits)
                loss = tf.reduce_mean(tf.reduce_mean(losses, axis=1) * weights)
            optimizer.apply(tape.gradient(loss, variables))
            return loss

        self._step = step

    def __call__(self, batch: Batch) -> tf.Tensor:
        """Updates the network; returns the loss before the update, float32 []."""
        return self._step(dict(batch.inputs), batch.targets, batch.weights)
