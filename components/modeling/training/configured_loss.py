"""The loss that the settings of a training mean."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from components.modeling.dataset import TokenDataset
from components.modeling.distillation.loss import DistillationLoss
from components.modeling.heads import Head, columns
from components.modeling.losses.head_loss import head_loss
from components.modeling.losses.label_weights import LabelCounts
from components.modeling.training.objective import BatchLoss, HeadsLoss

if TYPE_CHECKING:
    from components.trainer import TrainerConfig

__all__ = ["configured_loss"]


def configured_loss(config: "TrainerConfig", heads: Sequence[Head], train: TokenDataset) -> BatchLoss:
    """The loss of a batch: that of every head, and that against the teachers if there are answers of theirs."""
    own = {name: head.loss for name, head in config.heads.items() if head.loss is not None}
    loss_weights = {name: head.loss_weight for name, head in config.heads.items()}
    losses = {
        head.name: head_loss(
            head,
            own.get(head.name, config.loss),
            LabelCounts.of(train.targets[:, outputs], train.weights),
        )
        for head, outputs in zip(heads, columns(heads).values(), strict=True)
    }
    loss = HeadsLoss(heads, losses=losses, loss_weights=loss_weights)
    if train.answers is None or config.distillation is None:
        return loss
    return DistillationLoss(loss, heads, config.distillation, loss_weights=loss_weights)
