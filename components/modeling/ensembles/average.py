"""One network that answers the mean of several networks' scores."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from components.modeling.heads import Head, logit_columns

__all__ = ["MeanScores", "average_network", "member_name"]

_TINY = float(np.finfo(np.float32).tiny)


def member_name(number: int) -> str:
    """The name of a member's network in the average; the first is 0."""
    return f"member_{number}"


def average_network(networks: Sequence[keras.Model], heads: Sequence[Head]) -> keras.Model:
    """A network of the members' inputs and of logits, whose scores are the mean of the members'.

    Args:
        networks: members, named by `member_name`, that give the logits of `heads`.
        heads: of all members.
    """
    inputs = {
        name: keras.Input((None,), dtype="int32", name=name)
        for name in ("token_ids", "segment_ids", "padding_mask")
    }
    logits = [network(inputs) for network in networks]
    mean = MeanScores(heads, dtype="float32", name="mean")(logits)
    return keras.Model(inputs, mean, name="emotion_classifier")


class MeanScores(keras.layers.Layer):
    """From the logits of each member, float32 [batch, logits], to those whose scores are the mean of their scores.

    Probabilities are averaged, not logits: their mean is what a vote of the members would say. It is calibrated as a
    whole, and its members are not (Rahaman and Thiery, 2021, "Uncertainty quantification and deep ensembles"). Logits
    are what comes out, since that is what a network of this project answers.
    """

    def __init__(self, heads: Sequence[Head], **options: Any) -> None:
        super().__init__(**options)
        self._heads = tuple(heads)

    def call(self, logits: Sequence[Any]) -> Any:
        columns = logit_columns(self._heads)
        parts = [
            _mean_of_head(head, [member[:, columns[head.name]] for member in logits]) for head in self._heads
        ]
        return parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=1)


def _mean_of_head(head: Head, logits: Sequence[Any]) -> Any:
    if head.task == "regression":
        return _mean(logits)
    if head.task == "single_label":
        return _log(_mean([ops.softmax(member, axis=-1) for member in logits]))
    # 1 - sigmoid(x) would round to 0 where sigmoid(-x) does not.
    positive = _mean([ops.sigmoid(member) for member in logits])
    negative = _mean([ops.sigmoid(-member) for member in logits])
    return _log(positive) - _log(negative)


def _mean(values: Sequence[Any]) -> Any:
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total * (1 / len(values))


def _log(probability: Any) -> Any:
    return ops.log(ops.maximum(probability, _TINY))
