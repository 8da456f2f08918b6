"""The Trainer's step on GoEmotions, out of the loop, for benchmarks to measure."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

import pipeline
from components.modeling.classifier import BackboneConfig, ModelConfig, build_network
from components.modeling.dataset import TokenDataset
from components.modeling.encoder import load_backbone, resolve_encoder
from components.modeling.heads import Head
from components.modeling.precision import choose_policy
from components.modeling.training.adamw import AdamW
from components.modeling.training.batching import Batches, Step
from components.modeling.training.objective import HeadsLoss
from components.modeling.training.regularization.regularizer import Regularized, regularized
from components.modeling.training.schedule import WarmupLinearDecay
from components.modeling.training.step import TrainingStep
from components.modeling.training.trainable import plan_training
from components.trainer import TrainerConfig
from pipeline.config import load_config

__all__ = ["TrainerStep"]

_TOTAL_STEPS = 1_000_000
"""More than any benchmark makes: the learning rate does not reach 0."""

_CONFIG = Path(pipeline.__file__).parent / "configs" / "goemotions.yaml"


@dataclass(frozen=True)
class TrainerStep:
    """The recipe of `pipeline/configs/goemotions.yaml` with batches of a given size.

    Attributes:
        settings: the recipe.
        network: MiniLM with the recipe's head.
        variables: what is trained.
        regular: objective, gradients and weight average of the recipe.
        optimizer: what updates the variables.
        train: makes one step.
        batches: the steps of all epochs, one after the other.
    """

    settings: TrainerConfig
    network: keras.Model
    variables: list[tf.Variable]
    regular: Regularized
    optimizer: AdamW
    train: TrainingStep
    batches: Iterator[Step]

    @classmethod
    def of(cls, data: dict[str, NDArray[Any]], *, batch_size: int) -> "TrainerStep":
        """Takes `tokens` int32 [tokens], `starts` int64 [rows + 1] and `targets` float32 [rows, labels]."""
        config = load_config(_CONFIG)
        settings = config.trainer
        labels = data["targets"].shape[1]
        heads = (Head(outputs=tuple(map(str, range(labels)))),)
        backbone = load_backbone(resolve_encoder("minilm"), dtype=choose_policy(settings.precision))
        model_config = ModelConfig(
            heads=heads,
            thresholds=(0.0,) * labels,
            max_tokens=config.transform.max_tokens,
            encoder="minilm",
            backbone=BackboneConfig.of(backbone),
            pooling=settings.pooling,
            dropout=settings.dropout,
        )
        network = build_network(model_config, backbone=backbone)
        plan = plan_training(network, settings.trainable, epochs=settings.epochs, total_steps=_TOTAL_STEPS)
        variables = [variable.value for variable in plan.variables]
        optimizer = AdamW(
            plan.variables,
            learning_rate=WarmupLinearDecay(
                peak=settings.learning_rate, warmup_steps=0, total_steps=_TOTAL_STEPS
            ),
            weight_decay=settings.weight_decay,
            clip_norm=settings.clip_norm,
            rates=plan.rates,
            first_steps=plan.first_steps,
        )
        regular = regularized(
            settings.regularization,
            network=network,
            heads=heads,
            loss=HeadsLoss(heads),
            loss_weights={},
            variables=variables,
        )
        train = TrainingStep(
            regular.objective,
            variables,
            optimizer,
            outputs=labels,
            gradients=regular.gradients,
            average=regular.average,
        )
        dataset = TokenDataset(
            tokens=data["tokens"],
            starts=data["starts"],
            targets=data["targets"],
            weights=np.ones(len(data["targets"]), np.float32),
        )
        batches = Batches(dataset, settings.batching, batch_size=batch_size, seed=0)
        return cls(settings, network, variables, regular, optimizer, train, _all_epochs(batches))


def _all_epochs(batches: Batches) -> Iterator[Step]:
    number = 1
    while True:
        yield from batches.epoch(number)
        number += 1
