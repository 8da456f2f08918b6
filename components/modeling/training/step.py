"""One step of training: forward, loss, backward, update, in one graph."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import TypeAlias

import tensorflow as tf

from components.modeling.dataset import Batch
from components.modeling.scorer import INPUT_SPEC
from components.modeling.training.adamw import AdamW
from components.modeling.training.gradients import Gradients, plain_gradients
from components.modeling.training.objective import Objective, TokenInputs

__all__ = ["TrainingStep"]

_Step: TypeAlias = Callable[[TokenInputs, tf.Tensor, tf.Tensor], tf.Tensor]


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
        first_steps: Sequence[int] | None = None,
    ) -> None:
        """Prepares the step.

        Args:
            objective: what is minimised.
            variables: what is trained, in the optimizer's order.
            optimizer: what updates them.
            outputs: columns of the targets.
            gradients: how gradients are computed.
            first_steps: by variable, the first step (from 0) that updates it; None for 0.
        """
        self._objective = objective
        self._variables = tuple(variables)
        self._optimizer = optimizer
        self._gradients = gradients
        self._first_steps = tuple(first_steps or [0] * len(self._variables))
        self._signature = [INPUT_SPEC, tf.TensorSpec([None, outputs]), tf.TensorSpec([None])]
        self._phases = sorted(set(self._first_steps))
        self._steps: dict[int, _Step] = {}

    def __call__(self, batch: Batch) -> tf.Tensor:
        """Updates the variables; returns the loss before the update, float32 []."""
        phase = self._phase()
        if phase not in self._steps:
            self._steps[phase] = self._trace(phase)
        return self._steps[phase](dict(batch.inputs), batch.targets, batch.weights)

    def _phase(self) -> int:
        """The step at which the present set of variables began."""
        if len(self._phases) == 1:
            return self._phases[0]
        return self._phases[bisect_right(self._phases, int(self._optimizer.step)) - 1]

    def _trace(self, phase: int) -> _Step:
        """A graph for each set of variables: one without the lower layers is faster by what it leaves out."""
        is_trained = [first_step <= phase for first_step in self._first_steps]
        trained = [variable for variable, yes in zip(self._variables, is_trained, strict=True) if yes]

        @tf.function(input_signature=self._signature, jit_compile=False)
        def step(inputs: TokenInputs, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
            loss, found = self._gradients(self._objective, trained, inputs, targets, weights)
            remaining = iter(found)
            self._optimizer.apply([next(remaining) if yes else None for yes in is_trained])
            return loss

        traced: _Step = step
        return traced
