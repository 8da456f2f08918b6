"""One step of training: forward, loss, backward, update, in one graph."""

from collections.abc import Sequence

import tensorflow as tf

from components.modeling.dataset import Batch
from components.modeling.scorer import INPUT_SPEC
from components.modeling.training.adamw import AdamW
from components.modeling.training.gradients import Gradients, plain_gradients
from components.modeling.training.objective import Objective, TokenInputs
from components.modeling.training.regularization.averaging import WeightAverage

__all__ = ["TrainingStep"]


class TrainingStep:
    """Trains variables on one batch after the other."""

    def __init__(
        self,
        objective: Objective,
        variables: Sequence[tf.Variable],
        optimizer: AdamW,
        *,
        outputs: int,
        gradients: Gradients = plain_gradients,
        average: WeightAverage | None = None,
    ) -> None:
        """Prepares the step.

        Args:
            objective: what is minimised.
            variables: what is trained, in the optimizer's order.
            optimizer: what updates them.
            outputs: columns of the targets.
            gradients: how gradients are computed.
            average: of the weights.
        """

        @tf.function(
            input_signature=[INPUT_SPEC, tf.TensorSpec([None, outputs]), tf.TensorSpec([None])],
            jit_compile=False,
        )
        def step(inputs: TokenInputs, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
            loss, found = gradients(objective, variables, inputs, targets, weights)
            if average is not None:
                average.before_update(found)
            optimizer.apply(found)
            return loss

        self._step = step

    def __call__(self, batch: Batch) -> tf.Tensor:
        """Updates the variables; returns the loss before the update, float32 []."""
        return self._step(dict(batch.inputs), batch.targets, batch.weights)
