"""Loss and throughput while training, without waiting for every step's result."""

import time
from dataclasses import dataclass

import tensorflow as tf

__all__ = ["Meter", "Reading"]


@dataclass(frozen=True)
class Reading:
    """What was measured over some steps.

    Attributes:
        loss: mean over the examples.
        examples_per_second: throughput.
    """

    loss: float
    examples_per_second: float


class Meter:
    """Adds up losses; reading it is what waits for the device."""

    def __init__(self) -> None:
        self._started = self._last_read = time.monotonic()
        self._pending: list[tuple[tf.Tensor, int]] = []
        self._loss_sum = 0.0
        self._examples = 0

    def add(self, loss: tf.Tensor, *, examples: int) -> None:
        """Adds a step: its mean loss, float32 [], and its number of examples."""
        self._pending.append((loss, examples))

    def read(self) -> Reading:
        """What was measured since the last reading."""
        loss_sum = sum(float(loss) * examples for loss, examples in self._pending)
        examples = sum(examples for _, examples in self._pending)
        self._pending.clear()
        self._loss_sum += loss_sum
        self._examples += examples
        now = time.monotonic()
        elapsed, self._last_read = now - self._last_read, now
        return Reading(loss_sum / max(examples, 1), examples / elapsed)

    @property
    def total(self) -> Reading:
        """What was measured from the start to the last reading."""
        return Reading(
            self._loss_sum / max(self._examples, 1), self._examples / (self._last_read - self._started)
        )
