"""The loss of a student: partly against the labels, partly against what its teachers say."""

from collections.abc import Mapping, Sequence

import tensorflow as tf

from components.modeling.distillation.distillation_config import DistillationSettings
from components.modeling.heads import Head, output_names
from components.modeling.losses.head_loss import HeadLoss, plain_loss
from components.modeling.training.objective import BatchLoss, HeadsLoss

__all__ = ["DistillationLoss"]


class DistillationLoss:
    """(1 - weight) x loss against the labels + weight x T^2 x loss against the teachers, of logits / T.

    The second is the plain loss of each task, whatever is configured against imbalance: teachers give probabilities,
    which need no correction. T^2 keeps the two in proportion, since gradients of softened logits shrink by it (Hinton
    et al., 2015, section 2). At T = 1 and with the plain loss for both, this is the loss against the weighted mean of
    labels and answers.
    """

    def __init__(
        self,
        labels: BatchLoss,
        heads: Sequence[Head],
        settings: DistillationSettings,
        *,
        loss_weights: Mapping[str, float] | None = None,
    ) -> None:
        """Prepares the loss.

        Args:
            labels: the loss against the labels.
            heads: of the student.
            settings: weight and temperature.
            loss_weights: by head name.
        """
        self._labels = labels
        self._teachers = HeadsLoss(
            heads,
            losses={head.name: _softened(head, settings.temperature) for head in heads},
            loss_weights=loss_weights,
        )
        self._weight = settings.weight
        self._outputs = len(output_names(heads))

    def __call__(self, logits: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """The loss, float32 []; `targets` are float32 [rows, 2 x outputs]: the labels, then the teachers' answers."""
        labels, answers = targets[:, : self._outputs], targets[:, self._outputs :]
        taught = self._weight * self._teachers(logits, answers, weights)
        if self._weight == 1:
            return taught
        return (1 - self._weight) * self._labels(logits, labels, weights) + taught


def _softened(head: Head, temperature: float) -> HeadLoss:
    loss = plain_loss(head)
    if head.task == "regression" or temperature == 1:
        return loss
    return lambda logits, targets, weights: temperature**2 * loss(logits / temperature, targets, weights)
