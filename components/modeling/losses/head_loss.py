"""The loss of a head: from its task and what is configured to a function of logits and targets."""

from typing import Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.core.errors import ConfigError
from components.modeling.heads import Head
from components.modeling.losses import binary, regression, softmax
from components.modeling.losses.config import LossConfig
from components.modeling.losses.label_weights import (
    LabelCounts,
    balanced_class_weights,
    balanced_positive_weights,
    effective_number_weights,
    named_weights,
)

__all__ = ["HeadLoss", "head_loss", "plain_loss"]


class HeadLoss(Protocol):
    """A head's loss."""

    def __call__(self, logits: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """The losses of rows, float32 [rows]; they are not yet multiplied by the weights.

        Args:
            logits: float32 [rows, logits] of the head.
            targets: float32 [rows, outputs] of the head, no NaN.
            weights: float32 [rows], 0 for rows of which nothing is known; only a loss that compares rows with one
                another reads it.
        """


def plain_loss(head: Head) -> HeadLoss:
    """The negative log-likelihood of the head's task: what is minimised unless another loss is configured."""
    return head_loss(head, LossConfig(), LabelCounts(np.zeros(len(head.outputs)), 0.0))


def head_loss(head: Head, config: LossConfig, counts: LabelCounts) -> HeadLoss:
    """The configured loss of a head.

    Args:
        head: with mean and std, if it is regression.
        config: as set.
        counts: how often the head's labels occur in training; read if weights are computed from them.

    Raises:
        ConfigError: the loss does not fit the head's task, or a weight is for a label that the head does not have.
    """
    try:
        config.check_fits(head.task)
    except ValueError as err:
        raise ConfigError(f"the loss of head {head.name!r}: {err}") from err
    match head.task:
        case "multi_label":
            return _multi_label(head, config, counts)
        case "single_label":
            return _single_label(head, config, counts)
        case "ordinal":
            class_weights = _class_weights(head, config, counts)
            return lambda logits, targets, _: softmax.cumulative_cross_entropy(
                logits, targets, class_weights=class_weights
            )
        case _:
            return _regression(head, config)


def _multi_label(head: Head, config: LossConfig, counts: LabelCounts) -> HeadLoss:
    name = config.chosen(head.task)
    class_weights = _class_weights(head, config, counts)
    positive_weights = _positive_weights(head, config, counts)

    def loss(logits: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        del weights
        targets = binary.smooth(targets, config.label_smoothing)
        if name == "focal":
            losses = binary.focal(
                logits,
                targets,
                gamma=config.gamma,
                alpha=config.alpha,
                positive_weights=positive_weights,
            )
        elif name == "asymmetric":
            losses = binary.asymmetric(
                logits,
                targets,
                gamma_positive=config.gamma_positive,
                gamma_negative=config.gamma_negative,
                shift=config.probability_shift,
                positive_weights=positive_weights,
            )
        else:
            losses = binary.binary_cross_entropy(logits, targets, positive_weights=positive_weights)
        return tf.reduce_mean(class_weights * losses, axis=1)

    return loss


def _single_label(head: Head, config: LossConfig, counts: LabelCounts) -> HeadLoss:
    class_weights = _class_weights(head, config, counts)
    gamma = config.gamma if config.chosen(head.task) == "focal" else 0.0
    return lambda logits, targets, _: softmax.softmax_cross_entropy(
        logits,
        softmax.smooth_classes(targets, config.label_smoothing),
        class_weights=class_weights,
        gamma=gamma,
    )


def _regression(head: Head, config: LossConfig) -> HeadLoss:
    name = config.chosen(head.task)
    mean, std = np.array(head.mean, np.float32), np.array(head.std, np.float32)

    def loss(logits: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        targets = (targets - mean) / std
        if name == "huber":
            return regression.huber(logits, targets, delta=config.delta)
        if name == "concordance":
            return regression.concordance(
                logits, targets, weights, squared_error_weight=config.squared_error_weight
            )
        return regression.squared_error(logits, targets)

    return loss


def _positive_weights(head: Head, config: LossConfig, counts: LabelCounts) -> NDArray[np.float32]:
    match config.positive_weights:
        case "none":
            weights = np.ones(len(head.outputs))
        case "balanced":
            weights = balanced_positive_weights(counts, power=config.weight_power)
        case named:
            weights = named_weights(named, head.outputs, setting="trainer loss.positive_weights")
    return weights.astype(np.float32)


def _class_weights(head: Head, config: LossConfig, counts: LabelCounts) -> NDArray[np.float32]:
    match config.class_weights:
        case "none":
            weights = np.ones(len(head.outputs))
        case "balanced":
            weights = balanced_class_weights(counts, power=config.weight_power)
        case "effective_number":
            weights = effective_number_weights(counts, beta=config.effective_number_beta)
        case named:
            weights = named_weights(named, head.outputs, setting="trainer loss.class_weights")
    return weights.astype(np.float32)
