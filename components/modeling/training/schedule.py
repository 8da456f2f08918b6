"""The learning rate over a training."""

from dataclasses import dataclass

import tensorflow as tf

__all__ = ["WarmupLinearDecay"]


@dataclass(frozen=True, kw_only=True)
class WarmupLinearDecay:
    """Rises linearly to the peak, then falls linearly to 0 (Devlin et al., 2019, appendix A.2).

    Attributes:
        peak: the highest learning rate.
        warmup_steps: steps until the peak; 0 starts at it.
        total_steps: steps after which it is 0; more than `warmup_steps`.
    """

    peak: float
    warmup_steps: int
    total_steps: int

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """The learning rate, float32 [], of the step with this number; the first is 0."""
        step = tf.cast(step, tf.float32)
        rising = (step + 1) / max(self.warmup_steps, 1)
        falling = (self.total_steps - step) / (self.total_steps - self.warmup_steps)
        return self.peak * tf.clip_by_value(tf.minimum(rising, falling), 0.0, 1.0)
