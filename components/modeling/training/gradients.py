"""From an objective to the gradients of a batch."""

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import tensorflow as tf

from components.modeling.training.objective import Objective, TokenInputs

__all__ = ["Gradient", "Gradients", "plain_gradients"]

Gradient: TypeAlias = tf.Tensor | tf.IndexedSlices | None


class Gradients(Protocol):
    """How gradients are computed."""

    def __call__(
        self,
        objective: Objective,
        variables: Sequence[tf.Variable],
        inputs: TokenInputs,
        targets: tf.Tensor,
        weights: tf.Tensor,
    ) -> tuple[tf.Tensor, list[Gradient]]:
        """The loss, float32 [], and the gradient of every variable; called while a tf.function is traced."""


def plain_gradients(
    objective: Objective,
    variables: Sequence[tf.Variable],
    inputs: TokenInputs,
    targets: tf.Tensor,
    weights: tf.Tensor,
) -> tuple[tf.Tensor, list[Gradient]]:
    """The derivatives of the objective."""
    # What is not trained is not watched: no derivative is computed below the lowest variable.
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(variables)
        loss = objective(inputs, targets, weights)
    return loss, tape.gradient(loss, list(variables))
