"""Adversarial training: texts whose word embeddings are moved, a little, to where the loss is higher."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from components.modeling.shifted_embedding import shifted
from components.modeling.training.gradients import Gradient
from components.modeling.training.objective import Objective, TokenInputs
from components.modeling.training.regularization.settings import AdversarialSettings

__all__ = ["AdversarialGradients"]

_STEP = 2.5
"""Length of all steps of the search together, in radii: the edge is reached from anywhere in the ball."""


class AdversarialGradients:
    """FGM ("Adversarial Training Methods for Semi-Supervised Text Classification", Miyato et al., 2017, eq. 5-6) and,
    with more than one step, PGD ("Towards Deep Learning Models Resistant to Adversarial Attacks", Madry et al., 2018).

    The gradients are those of (L + lambda L_adv) / (1 + lambda); Miyato et al.'s sum, but for a factor that AdamW does
    not feel. From no perturbation, the search makes K steps of 2.5 epsilon / K (Madry et al., figure 6) along the
    normalized gradient of each text, and projects each onto the ball of radius epsilon: with K = 1 that is
    epsilon x g / |g|. As in these papers, what is moved is each token's embedding where it stands, not the row of the
    table that several tokens share; if no token occurs twice in a batch both are the same. So the 11.7 M weights of a
    table need no copy, and nothing has to be restored. Miyato et al. normalize the embeddings to make an epsilon mean
    something; pretrained ones must stay, so here epsilon is a share of their norm.
    """

    def __init__(self, settings: AdversarialSettings, embedding: keras.layers.Layer) -> None:
        """`embedding` looks up token ids, int32 [rows, seq_len], in the network that the objective calls."""
        self._settings = settings
        self._embedding = embedding

    def __call__(
        self,
        objective: Objective,
        variables: Sequence[tf.Variable],
        inputs: TokenInputs,
        targets: tf.Tensor,
        weights: tf.Tensor,
    ) -> tuple[tf.Tensor, list[Gradient]]:
        """The loss of the texts as they are, float32 [], and the gradients with that of the moved ones."""

        def derivatives(shift: tf.Tensor, by: Sequence[Any]) -> tuple[tf.Tensor, list[Gradient]]:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(list(by))
                with shifted(self._embedding, shift):
                    loss = objective(inputs, targets, weights)
            return loss, tape.gradient(loss, list(by))

        words = tf.cast(self._embedding(inputs["token_ids"]), tf.float32)
        words *= tf.cast(inputs["padding_mask"], tf.float32)[:, :, tf.newaxis]
        radius = self._settings.epsilon * _norm(words)
        step = radius * _STEP / self._settings.steps
        shift = tf.zeros_like(words)
        loss, (*clean, uphill) = derivatives(shift, [*variables, shift])
        for remaining in reversed(range(self._settings.steps)):
            shift = tf.stop_gradient(_project(shift + step * _normalized(uphill), radius))
            if remaining:
                _, (uphill,) = derivatives(shift, [shift])
        _, moved = derivatives(shift, variables)
        share = self._settings.loss_weight / (1 + self._settings.loss_weight)
        return loss, [_mix(one, other, share) for one, other in zip(clean, moved, strict=True)]


def _norm(values: tf.Tensor) -> tf.Tensor:
    """Euclidean norm of each text's values, float32 [rows, 1, 1]; of values that are too small to be squared, too."""
    largest = tf.reduce_max(tf.abs(values), axis=(1, 2), keepdims=True)
    scaled = tf.math.divide_no_nan(values, largest)
    return largest * tf.sqrt(tf.reduce_sum(tf.square(scaled), axis=(1, 2), keepdims=True))


def _normalized(gradient: tf.Tensor) -> tf.Tensor:
    """To norm 1 by text; a text without gradient stays where it is."""
    return tf.math.divide_no_nan(gradient, _norm(gradient))


def _project(shift: tf.Tensor, radius: tf.Tensor) -> tf.Tensor:
    """The nearest shift that is no longer than the radius."""
    return shift * tf.minimum(1.0, tf.math.divide_no_nan(radius, _norm(shift)))


def _mix(one: Gradient, other: Gradient, share: float) -> Gradient:
    """(1 - share) x one + share x other; rows of an embedding are put side by side, the optimizer adds them up."""
    if one is None or other is None:
        return one if other is None else other
    if isinstance(one, tf.IndexedSlices) and isinstance(other, tf.IndexedSlices):
        return tf.IndexedSlices(
            tf.concat([(1 - share) * one.values, share * other.values], axis=0),
            tf.concat([one.indices, other.indices], axis=0),
            one.dense_shape,
        )
    return (1 - share) * tf.convert_to_tensor(one) + share * tf.convert_to_tensor(other)
