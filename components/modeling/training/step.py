"""One step of training: forward, loss, backward, update, in one graph."""

from collections.abc import Sequence
from typing import TypeAlias

import tensorflow as tf

from components.modeling.scorer import INPUT_SPEC
from components.modeling.training.adamw import AdamW
from components.modeling.training.batching import Step
from components.modeling.training.distribution import Distribution
from components.modeling.training.gradients import Gradient, Gradients, plain_gradients
from components.modeling.training.objective import Objective, TokenInputs
from components.modeling.training.regularization.averaging import WeightAverage

__all__ = ["TrainingStep"]


_Part: TypeAlias = tuple[TokenInputs, tf.Tensor, tf.Tensor]


class TrainingStep:
    """Trains variables on one step's examples after the other."""

    def __init__(
        self,
        objective: Objective,
        variables: Sequence[tf.Variable],
        optimizer: AdamW,
        *,
        outputs: int,
        gradients: Gradients = plain_gradients,
        average: WeightAverage | None = None,
        distribution: Distribution | None = None,
        accumulation: int = 1,
    ) -> None:
        """Prepares the step.

        Args:
            objective: what is minimised.
            variables: what is trained, in the optimizer's order.
            optimizer: what updates them.
            outputs: columns of the targets.
            gradients: how gradients are computed.
            average: of the weights.
            distribution: the devices that share a step; one by default.
            accumulation: rounds of gradient accumulation.
        """
        devices = distribution or Distribution()
        replicas = len(devices.local_replicas)
        self._own = [
            round_ * devices.replicas + replica
            for round_ in range(accumulation)
            for replica in devices.local_replicas
        ]

        def on_replica(parts: Sequence[_Part]) -> tf.Tensor:
            losses: list[tf.Tensor] = []
            sums: list[Gradient] = [None] * len(variables)
            for first in range(0, len(parts), replicas):
                # One round after the other: a large batch in the memory of a small one.
                done = [
                    item
                    for item in tf.nest.flatten([losses, sums], expand_composites=True)
                    if item is not None
                ]
                with tf.control_dependencies(done):
                    part = tf.nest.map_structure(tf.identity, devices.own(parts[first : first + replicas]))
                    loss, found = gradients(objective, variables, *part)
                losses.append(loss)
                sums = [_add(total, item) for total, item in zip(sums, found, strict=True)]
            share = 1 / (accumulation * devices.replicas)
            total = devices.sum([_scale(item, share) for item in sums])
            if average is not None:
                average.before_update(total)
            optimizer.apply(total)
            return tf.add_n(losses) / accumulation

        spec = (INPUT_SPEC, tf.TensorSpec([None, outputs]), tf.TensorSpec([None]))

        @tf.function(input_signature=[[spec] * len(self._own)], jit_compile=False)
        def step(parts: Sequence[_Part]) -> tf.Tensor:
            return devices.run(lambda: on_replica(parts))

        self._step = step

    def __call__(self, step: Step) -> tf.Tensor:
        """Updates the variables; returns the loss before the update, float32 []."""
        parts = [step.parts[number] for number in self._own]
        return self._step([(dict(part.inputs), part.targets, part.weights) for part in parts])


def _add(total: Gradient, item: Gradient) -> Gradient:
    if total is None or item is None:
        return item if total is None else total
    if isinstance(total, tf.IndexedSlices) and isinstance(item, tf.IndexedSlices):
        return tf.IndexedSlices(
            tf.concat([total.values, item.values], axis=0),
            tf.concat([total.indices, item.indices], axis=0),
            item.dense_shape,
        )
    return tf.convert_to_tensor(total) + tf.convert_to_tensor(item)


def _scale(item: Gradient, factor: float) -> Gradient:
    if item is None or factor == 1:
        return item
    if isinstance(item, tf.IndexedSlices):
        return tf.IndexedSlices(item.values * factor, item.indices, item.dense_shape)
    return item * factor
