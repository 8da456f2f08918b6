"""Puts together what a configuration asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import keras
import tensorflow as tf

from components.modeling.heads import Head
from components.modeling.training.fused.layers import stand_in, with_fused_layers
from components.modeling.training.gradients import Gradients, plain_gradients
from components.modeling.training.objective import BatchLoss, NetworkObjective, Objective
from components.modeling.training.regularization.adversarial import AdversarialGradients
from components.modeling.training.regularization.averaging import WeightAverage, weight_average
from components.modeling.training.regularization.consistency import RDropObjective
from components.modeling.training.regularization.samples import loss_of_samples
from components.modeling.training.regularization.settings import RegularizationConfig
from components.modeling.training.trainable import find_encoder

__all__ = ["Regularized", "regularized"]


@dataclass(frozen=True)
class Regularized:
    """The parts of a training step that regularization has a say in.

    Attributes:
        objective: what is minimised.
        gradients: how it is derived.
        average: of the weights; None takes them as they are.
    """

    objective: Objective
    gradients: Gradients
    average: WeightAverage | None


def regularized(
    config: RegularizationConfig,
    *,
    network: keras.Model,
    heads: Sequence[Head],
    loss: BatchLoss,
    loss_weights: Mapping[str, float],
    variables: Sequence[tf.Variable],
) -> Regularized:
    """The parts for a network.

    Args:
        config: as set.
        network: gives the logits of `heads`, in training of `dropout_samples` copies of a batch.
        heads: of the network.
        loss: of the logits.
        loss_weights: of heads, by name.
        variables: what is trained, in the optimizer's order.
    """
    loss = loss_of_samples(loss, config.dropout_samples)
    trained = with_fused_layers(network)
    objective: Objective = NetworkObjective(trained, loss)
    if config.r_drop:
        objective = RDropObjective(
            trained, loss, heads, alpha=config.r_drop.weight, loss_weights=loss_weights
        )
    gradients: Gradients = plain_gradients
    if config.adversarial:
        embedding = stand_in(trained, find_encoder(network).token_embedding)
        gradients = AdversarialGradients(config.adversarial, embedding)
    return Regularized(objective, gradients, weight_average(config, variables))
