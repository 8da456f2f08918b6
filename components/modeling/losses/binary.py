"""Losses of labels that apply or do not, each by itself.

All take logits float32 [rows, labels] and targets float32 [rows, labels] from 0 to 1, and return float32 [rows,
labels]. They are built from softplus, -log(sigmoid(-x)), whose values and derivatives are right in float32 at any
logit; a sigmoid that has rounded to 1 never meets a logarithm. Weights broadcast: a number, or float32 [labels].
"""

from typing import Any

import tensorflow as tf

__all__ = ["asymmetric", "binary_cross_entropy", "focal", "smooth"]


def smooth(targets: tf.Tensor, share: float) -> tf.Tensor:
    """Replaces a share of each target by 1/2 (Szegedy et al., 2016, section 7, with the two classes yes and no)."""
    return targets * (1 - share) + 0.5 * share


def binary_cross_entropy(
    logits: tf.Tensor, targets: tf.Tensor, *, positive_weights: Any = 1.0, negative_weights: Any = 1.0
) -> tf.Tensor:
    """-(w+ y log p + w- (1 - y) log(1 - p)); without weights it is lowest at p = y, soft targets included."""
    positive = positive_weights * targets * tf.nn.softplus(-logits)
    return positive + negative_weights * (1 - targets) * tf.nn.softplus(logits)


def focal(
    logits: tf.Tensor,
    targets: tf.Tensor,
    *,
    gamma: float,
    alpha: float | None = None,
    positive_weights: Any = 1.0,
) -> tf.Tensor:
    """Cross-entropy times |y - p| ** gamma.

    For targets of 0 and 1 this is the focal loss, -alpha_t (1 - p_t) ** gamma log(p_t) (Lin et al., 2017, equation 5);
    between them it is the quality focal loss (Li et al., 2020, "Generalized focal loss", section 3), which is lowest at
    p = y, where a mean of the two focal losses is not.

    Args:
        logits: as the module says.
        targets: as the module says.
        gamma: 0 (cross-entropy) or at least 1.
        alpha: weight of the positive term; that of the negative one is 1 - alpha. None weighs both 1.
        positive_weights: further factor of the positive term.
    """
    positive, negative = (1.0, 1.0) if alpha is None else (alpha, 1 - alpha)
    losses = binary_cross_entropy(
        logits, targets, positive_weights=positive * positive_weights, negative_weights=negative
    )
    # y - p, written so that nothing cancels where p rounds to 1.
    error = targets * tf.sigmoid(-logits) - (1 - targets) * tf.sigmoid(logits)
    return _power(tf.abs(error), gamma) * losses


def asymmetric(
    logits: tf.Tensor,
    targets: tf.Tensor,
    *,
    gamma_positive: float,
    gamma_negative: float,
    shift: float,
    positive_weights: Any = 1.0,
) -> tf.Tensor:
    """The asymmetric loss, ASL (Ridnik et al., 2021, sections 2.2 to 2.4).

    L+ = -(1 - p) ** gamma+ log(p) and L- = -p_m ** gamma- log(1 - p_m) with p_m = max(p - shift, 0). Targets are
    meant to be 0 or 1: between them the loss is interpolated, and lowest elsewhere than at p = y.

    Args:
        logits: as the module says.
        targets: as the module says.
        gamma_positive: 0 or at least 1.
        gamma_negative: 0 or at least 1.
        shift: probability 0-1 below which a label that does not apply costs nothing.
        positive_weights: further factor of L+.
    """
    positive = _power(tf.sigmoid(-logits), gamma_positive) * tf.nn.softplus(-logits)
    shifted = tf.nn.relu(tf.sigmoid(logits) - shift)
    # 1 - p_m is at least the shift; without one, softplus knows log(1 - p) better than its rounded value does.
    log_rest = -tf.math.log1p(-shifted) if shift else tf.nn.softplus(logits)
    negative = _power(shifted, gamma_negative) * log_rest
    return positive_weights * targets * positive + (1 - targets) * negative


def _power(base: tf.Tensor, exponent: float) -> tf.Tensor:
    """The power, with a derivative at 0, too: there TensorFlow's of exponent 0 is no number."""
    return tf.pow(base, exponent) if exponent else tf.ones_like(base)
