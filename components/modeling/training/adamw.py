"""AdamW as fused operations.

Keras's optimizer builds the update of each variable from a dozen elementwise operations, which took a third of a
training step of MiniLM on a CPU; TensorFlow's own Adam kernel makes one pass. And of an embedding only the rows that
the batch holds are touched: the others keep their pretrained values, and their 11.7 M weights cost no time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

__all__ = ["AdamW"]

_BETA_1 = 0.9
_BETA_2 = 0.999
_EPSILON = 1e-8


class AdamW(tf.Module):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019) and clipping by the global norm.

    Gradients that are IndexedSlices are applied lazily: moments, weights and weight decay of the other rows stay as
    they are. Under a distribution strategy every replica calls `apply` with the same gradients and updates its own copy
    of each variable by its handle.

    Args:
        variables: Keras variables to be trained; biases and LayerNorm's weights do not decay.
        learning_rate: float32 [] by step number, int64 [].
        weight_decay: share of the learning rate by which weights shrink each step.
        clip_norm: gradients are scaled down to this global norm.
        rates: by variable, a factor of the learning rate; None for 1.
        first_steps: by variable, the first step (from 0) that has a gradient for it, from which its moments' bias is
            corrected; None for 0.
    """

    def __init__(
        self,
        variables: Sequence[Any],
        *,
        learning_rate: Callable[[tf.Tensor], tf.Tensor],
        weight_decay: float,
        clip_norm: float,
        rates: Sequence[float] | None = None,
        first_steps: Sequence[int] | None = None,
    ) -> None:
        super().__init__(name="adamw")
        self.learning_rate = learning_rate
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        self.gradient_norm = tf.Variable(0.0, trainable=False, name="gradient_norm")
        self._clip_norm = clip_norm
        self._slots = [
            _Slot(
                variable.value, weight_decay if _decays(variable) else 0.0, rate=rate, first_step=first_step
            )
            for variable, rate, first_step in zip(
                variables,
                rates or [1.0] * len(variables),
                first_steps or [0] * len(variables),
                strict=True,
            )
        ]

    def current_learning_rate(self) -> float:
        """The learning rate of the next step."""
        return float(self.learning_rate(self.step))

    def last_gradient_norm(self) -> float:
        """The global norm of the last step's gradients before they were clipped; 0 before any step."""
        return float(self.gradient_norm.numpy())

    def apply(self, gradients: Sequence[tf.Tensor | tf.IndexedSlices | None]) -> None:
        """Makes one step; `gradients` are in the order of the variables, None leaves a variable as it is."""
        learning_rate, count = self.learning_rate(self.step), self._count()
        rates = {
            first_step: _Rates.of(learning_rate, count - first_step)
            for first_step in {slot.first_step for slot in self._slots}
        }
        summed = [_sum_rows(item) if isinstance(item, tf.IndexedSlices) else item for item in gradients]
        clipped, norm = tf.clip_by_global_norm(summed, self._clip_norm)
        tf.raw_ops.AssignVariableOp(resource=self.gradient_norm.handle, value=norm)
        for slot, gradient in zip(self._slots, clipped, strict=True):
            if isinstance(gradient, tf.IndexedSlices):
                slot.apply_rows(gradient, rates[slot.first_step])
            elif gradient is not None:
                slot.apply(gradient, rates[slot.first_step])

    def _count(self) -> tf.Tensor:
        """Adds 1 to the number of steps."""
        tf.raw_ops.AssignAddVariableOp(resource=self.step.handle, value=tf.constant(1, tf.int64))
        return tf.convert_to_tensor(self.step)


@dataclass(frozen=True)
class _Rates:
    """The scalars of one step: learning rate, and the decay rates to the power of the number of updates."""

    learning_rate: tf.Tensor
    power_1: tf.Tensor
    power_2: tf.Tensor

    @classmethod
    def of(cls, learning_rate: tf.Tensor, count: tf.Tensor) -> "_Rates":
        count = tf.cast(count, tf.float32)
        return cls(learning_rate, tf.pow(_BETA_1, count), tf.pow(_BETA_2, count))


class _Slot(tf.Module):
    """A variable with its moments."""

    def __init__(self, variable: tf.Variable, decay: float, *, rate: float, first_step: int) -> None:
        super().__init__()
        self._variable = variable
        self._decay = decay
        self._rate = rate
        self.first_step = first_step
        self._first = tf.Variable(tf.zeros(variable.shape), trainable=False, name="first_moment")
        self._second = tf.Variable(tf.zeros(variable.shape), trainable=False, name="second_moment")

    def apply(self, gradient: tf.Tensor, rates: _Rates) -> None:
        learning_rate = self._rate * rates.learning_rate
        if self._decay:
            # variable <- variable - alpha x delta, in one pass.
            tf.raw_ops.ResourceApplyGradientDescent(
                var=self._variable.handle, alpha=learning_rate * self._decay, delta=self._variable
            )
        tf.raw_ops.ResourceApplyAdam(
            var=self._variable.handle,
            m=self._first.handle,
            v=self._second.handle,
            beta1_power=rates.power_1,
            beta2_power=rates.power_2,
            lr=learning_rate,
            beta1=_BETA_1,
            beta2=_BETA_2,
            epsilon=_EPSILON,
            grad=gradient,
        )

    def apply_rows(self, gradient: tf.IndexedSlices, rates: _Rates) -> None:
        """The same arithmetic as the kernel's, on the rows of the gradient; no row may occur twice."""
        rows, values = gradient.indices, gradient.values
        first = _BETA_1 * tf.gather(self._first, rows) + (1 - _BETA_1) * values
        second = _BETA_2 * tf.gather(self._second, rows) + (1 - _BETA_2) * tf.square(values)
        tf.raw_ops.ResourceScatterUpdate(resource=self._first.handle, indices=rows, updates=first)
        tf.raw_ops.ResourceScatterUpdate(resource=self._second.handle, indices=rows, updates=second)
        learning_rate = self._rate * rates.learning_rate
        corrected_rate = learning_rate * tf.sqrt(1 - rates.power_2) / (1 - rates.power_1)
        change = corrected_rate * first / (tf.sqrt(second) + _EPSILON)
        change += learning_rate * self._decay * tf.gather(self._variable, rows)
        tf.raw_ops.ResourceScatterSub(resource=self._variable.handle, indices=rows, updates=change)


def _decays(variable: Any) -> bool:
    """Biases of attention are matrices, by head: their name tells, too."""
    return len(variable.shape) > 1 and variable.name != "bias"


def _sum_rows(gradient: tf.IndexedSlices) -> tf.IndexedSlices:
    """Adds up the gradients of a row that occurs several times."""
    rows, positions = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, positions, tf.size(rows))
    return tf.IndexedSlices(values, rows, gradient.dense_shape)
