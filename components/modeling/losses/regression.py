"""Losses of numbers.

Both predictions and targets are float32 [rows, outputs], in standard deviations of the training targets from their
mean; the losses are float32 [rows], the mean over the outputs.
"""

import tensorflow as tf

__all__ = ["concordance", "huber", "squared_error"]

_LEAST_SPREAD = 1e-6
"""Of a batch whose predictions and targets are all one number, which has no concordance."""


def squared_error(predictions: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """(x - y) ** 2."""
    return tf.reduce_mean(tf.math.squared_difference(predictions, targets), axis=1)


def huber(predictions: tf.Tensor, targets: tf.Tensor, *, delta: float) -> tf.Tensor:
    """e ** 2 / 2 of errors up to delta, delta (|e| - delta / 2) of larger ones (Huber, 1964, "Robust estimation")."""
    error = tf.abs(predictions - targets)
    inside = tf.minimum(error, delta)
    return tf.reduce_mean(inside * (error - 0.5 * inside), axis=1)


def concordance(
    predictions: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor, *, squared_error_weight: float = 0.0
) -> tf.Tensor:
    """1 - the concordance correlation coefficient of the batch, CCC (Lin, 1989), shared out to its rows.

    1 - CCC = E[(x - y) ** 2] / (var x + var y + (mean x - mean y) ** 2). The numerator is a mean over rows, so a row's
    part is its squared error over the batch's denominator; the weighted mean of the parts is 1 - CCC of the weighted
    rows, exactly.

    Args:
        predictions: as the module says; at least a few rows, or CCC says nothing.
        targets: as the module says.
        weights: float32 [rows]; rows of weight 0 do not count.
        squared_error_weight: factor of the squared error that is added.
    """
    shares = tf.math.divide_no_nan(weights, tf.reduce_sum(weights))[:, tf.newaxis]

    def moments(values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        mean = tf.reduce_sum(shares * values, axis=0)
        return mean, tf.reduce_sum(shares * tf.square(values - mean), axis=0)

    (mean_x, variance_x), (mean_y, variance_y) = moments(predictions), moments(targets)
    spread = variance_x + variance_y + tf.math.squared_difference(mean_x, mean_y)
    squared = tf.math.squared_difference(predictions, targets)
    return tf.reduce_mean(squared * (1 / tf.maximum(spread, _LEAST_SPREAD) + squared_error_weight), axis=1)
