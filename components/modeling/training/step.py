"""One step of training: forward, loss, backward, update, in one graph."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
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
_Graph: TypeAlias = Callable[[Sequence[_Part]], tf.Tensor]


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
        first_steps: Sequence[int] | None = None,
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
            first_steps: by variable, the first step (from 0) that updates it; None for 0.
        """
        devices = distribution or Distribution()
        self._objective = objective
        self._variables = tuple(variables)
        self._optimizer = optimizer
        self._gradients = gradients
        self._average = average
        self._devices = devices
        self._accumulation = accumulation
        self._spec = (INPUT_SPEC, tf.TensorSpec([None, outputs]), tf.TensorSpec([None]))
        self._first_steps = tuple(first_steps or [0] * len(self._variables))
        self._phases = sorted(set(self._first_steps))
        self._graphs: dict[int, _Graph] = {}
        self._own = [
            round_ * devices.replicas + replica
            for round_ in range(accumulation)
            for replica in devices.local_replicas
        ]

    def __call__(self, step: Step) -> tf.Tensor:
        """Updates the variables; returns the loss before the update, float32 []."""
        phase = self._phase()
        if phase not in self._graphs:
            self._graphs[phase] = self._graph(phase)
        parts = [step.parts[number] for number in self._own]
        return self._graphs[phase]([(dict(part.inputs), part.targets, part.weights) for part in parts])

    def _phase(self) -> int:
        """The step from which on the variables of the next step are trained together."""
        if len(self._phases) == 1:
            return self._phases[0]
        return self._phases[bisect_right(self._phases, int(self._optimizer.step)) - 1]

    def _graph(self, phase: int) -> _Graph:
        """A graph for each set of variables: it does no work for those that are not trained yet."""
        devices = self._devices

        @tf.function(input_signature=[[self._spec] * len(self._own)], autograph=False, jit_compile=False)
        def step(parts: Sequence[_Part]) -> tf.Tensor:
            return devices.run(lambda: self._on_replica(parts, phase))

        graph: _Graph = step
        return graph

    def _on_replica(self, parts: Sequence[_Part], phase: int) -> tf.Tensor:
        devices = self._devices
        replicas = len(devices.local_replicas)
        is_trained = [first_step <= phase for first_step in self._first_steps]
        trained = [variable for variable, yes in zip(self._variables, is_trained, strict=True) if yes]
        losses: list[tf.Tensor] = []
        sums: list[Gradient] = [None] * len(trained)
        for first in range(0, len(parts), replicas):
            # One round after the other: a large batch in the memory of a small one.
            done = [
                item for item in tf.nest.flatten([losses, sums], expand_composites=True) if item is not None
            ]
            with tf.control_dependencies(done):
                part = tf.nest.map_structure(tf.identity, devices.own(parts[first : first + replicas]))
                loss, found = self._gradients(self._objective, trained, *part)
            losses.append(loss)
            sums = [_add(total, item) for total, item in zip(sums, found, strict=True)]
        share = 1 / (self._accumulation * devices.replicas)
        summed = iter(devices.sum([_scale(item, share) for item in sums]))
        total = [next(summed) if yes else None for yes in is_trained]
        if self._average is not None:
            self._average.before_update(total)
        self._optimizer.apply(total)
        return tf.add_n(losses) / self._accumulation


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
