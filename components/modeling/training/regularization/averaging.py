"""Averages of the weights over a training, which are what is validated and kept."""

import math
from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.modeling.training.gradients import Gradient
from components.modeling.training.regularization.settings import RegularizationConfig

__all__ = ["CheckpointMean", "Ema", "WeightAverage", "weight_average"]


class WeightAverage(Protocol):
    """An average of variables; a tf.Module, whose state a tf.train.Checkpoint holds."""

    by_metric: bool
    """Whether `add` wants to know the validation metric of the weights as they are."""

    @property
    def variables(self) -> Sequence[tf.Variable]:
        """Its state, and what it is the average of."""

    def before_update(self, gradients: Sequence[Gradient]) -> None:
        """Called in the graph of a step, before the optimizer applies the gradients of the variables, in order."""

    def add(self, metric: float) -> None:
        """Called before a validation; `metric` is higher for better weights."""

    def values(self) -> list[NDArray[np.float32]]:
        """The average of each variable."""


def weight_average(config: RegularizationConfig, variables: Sequence[tf.Variable]) -> WeightAverage | None:
    """What is configured; None takes the weights as they are."""
    if config.ema:
        return Ema(variables, decay=config.ema.decay, warmup=config.ema.warmup)
    if config.checkpoint_mean:
        return CheckpointMean(variables, count=config.checkpoint_mean.count, of=config.checkpoint_mean.of)
    return None


class Ema(tf.Module):
    """Exponential moving average: after step t, average <- d_t x average + (1 - d_t) x weights, exactly.

    It starts from the weights before the first step. With warm-up, d_t = min(decay, (1 + t) / (10 + t)), t = 1, 2, …
    (`num_updates` of tf.train.ExponentialMovingAverage).

    The optimizer leaves the rows of an embedding alone that a batch does not hold, and so does this. If a row's weights
    w were the same after each of the steps s + 1 to t, its average is w + (average_s - w) x d_{s+1} x … x d_t. With
    L(t), the sum of log d_i up to t, and L at each row's last turn, that product is exp(L(t) - L(s)): one number a row.
    So a row has its turn before the optimizer changes it, for all the steps at once in which it stood still, and every
    row when the values are asked for. A step costs a pass over the other weights and the batch's own rows.
    """

    by_metric = False

    def __init__(self, variables: Sequence[tf.Variable], *, decay: float, warmup: bool = True) -> None:
        super().__init__(name="ema")
        self._decay = decay
        self._warmup = warmup
        self._steps = tf.Variable(0, dtype=tf.int64, trainable=False, name="steps")
        self._log_decay = tf.Variable(0.0, dtype=tf.float64, trainable=False, name="log_decay")
        self._averages = [_Average(variable) for variable in variables]

    def before_update(self, gradients: Sequence[Gradient]) -> None:
        log_decay = tf.convert_to_tensor(self._log_decay)
        for average, gradient in zip(self._averages, gradients, strict=True):
            if isinstance(gradient, tf.IndexedSlices):
                rows, _ = tf.unique(gradient.indices)
                average.catch_up_rows(rows, log_decay)
            elif gradient is not None:
                average.catch_up(log_decay)
        # Now the optimizer makes the step that this decay belongs to.
        tf.raw_ops.AssignAddVariableOp(resource=self._steps.handle, value=tf.constant(1, tf.int64))
        tf.raw_ops.AssignAddVariableOp(resource=self._log_decay.handle, value=tf.math.log(self._decay_now()))

    def _decay_now(self) -> tf.Tensor:
        decay = tf.constant(self._decay, tf.float64)
        if not self._warmup:
            return decay
        count = tf.cast(self._steps, tf.float64)
        return tf.minimum(decay, (1 + count) / (10 + count))

    def add(self, metric: float) -> None:  # noqa: ARG002 (the steps are what counts)
        return

    def values(self) -> list[NDArray[np.float32]]:
        log_decay = float(self._log_decay.numpy())
        return [average.value(log_decay) for average in self._averages]


class _Average(tf.Module):
    """The average of one variable."""

    def __init__(self, variable: tf.Variable) -> None:
        super().__init__()
        self._variable = variable
        self._average = tf.Variable(variable, trainable=False, name="average")
        rows = variable.shape[0] if variable.shape.rank else 1
        self._since = tf.Variable(tf.zeros([rows], tf.float64), trainable=False, name="log_decay")

    # By their handles, every replica of a distribution strategy updates its own copy, as the optimizer does.

    def catch_up(self, log_decay: tf.Tensor) -> None:
        """For a variable whose rows always have their turn together: one fused kernel."""
        kept = tf.cast(tf.exp(log_decay - tf.convert_to_tensor(self._since)[0]), tf.float32)
        tf.raw_ops.ResourceApplyGradientDescent(
            var=self._average.handle, alpha=1 - kept, delta=self._average - self._variable
        )
        now = tf.fill(self._since.shape, log_decay)
        tf.raw_ops.AssignVariableOp(resource=self._since.handle, value=now)

    def catch_up_rows(self, rows: tf.Tensor, log_decay: tf.Tensor) -> None:
        """For the rows, int [count], each of them once."""
        kept = tf.cast(tf.exp(log_decay - tf.gather(self._since, rows)), tf.float32)
        kept = tf.reshape(kept, [-1] + [1] * (self._variable.shape.rank - 1))
        weights = tf.gather(self._variable, rows)
        average = weights + kept * (tf.gather(self._average, rows) - weights)
        now = tf.fill(tf.shape(rows), log_decay)
        tf.raw_ops.ResourceScatterUpdate(resource=self._average.handle, indices=rows, updates=average)
        tf.raw_ops.ResourceScatterUpdate(resource=self._since.handle, indices=rows, updates=now)

    def value(self, log_decay: float) -> NDArray[np.float32]:
        """What it would be if every row had its turn now; changes nothing."""
        average, weights = self._average.numpy(), self._variable.numpy()
        kept = np.exp(log_decay - self._since.numpy()).astype(np.float32)
        value: NDArray[np.float32] = weights + kept.reshape(-1, *[1] * (weights.ndim - 1)) * (
            average - weights
        )
        return value.reshape(weights.shape)


class CheckpointMean(tf.Module):
    """Mean of the weights at several validations.

    The last ones: "Attention Is All You Need" (Vaswani et al., 2017, section 6.1), or "Averaging Weights Leads to Wider
    Optima and Better Generalization" (Izmailov et al., 2018) with its window. The best ones, by the validation metric,
    need not be neighbours.
    """

    def __init__(
        self, variables: Sequence[tf.Variable], *, count: int, of: Literal["last", "best"] = "last"
    ) -> None:
        super().__init__(name="checkpoint_mean")
        self.by_metric = of == "best"
        self._variables = list(variables)
        self._kept = [
            [tf.Variable(tf.zeros(variable.shape), trainable=False) for variable in variables]
            for _ in range(count)
        ]
        self._ranks = tf.Variable(tf.fill([count], tf.constant(-math.inf, tf.float64)), trainable=False)
        self._added = tf.Variable(0, dtype=tf.int64, trainable=False)

    def before_update(self, gradients: Sequence[Gradient]) -> None:  # noqa: ARG002 (steps do not count)
        return

    def add(self, metric: float) -> None:
        self._added.assign_add(1)
        rank = metric if self.by_metric else float(self._added.numpy())
        ranks = self._ranks.numpy()
        lowest = int(ranks.argmin())
        if rank <= ranks[lowest]:
            return
        ranks[lowest] = rank
        self._ranks.assign(ranks)
        for kept, variable in zip(self._kept[lowest], self._variables, strict=True):
            kept.assign(variable.numpy())

    def values(self) -> list[NDArray[np.float32]]:
        chosen = [
            kept for kept, rank in zip(self._kept, self._ranks.numpy(), strict=True) if rank > -math.inf
        ]
        return [
            np.stack([variable.numpy() for variable in same])
            .mean(axis=0, dtype=np.float64)
            .astype(np.float32)
            for same in zip(*chosen, strict=True)
        ]
