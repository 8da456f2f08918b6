"""From token ids to scores, in batches of texts of like length."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.modeling.calibration import Calibration
from components.modeling.dataset import pad_tokens
from components.modeling.head_layers import scores_of
from components.modeling.heads import Head

__all__ = ["INPUT_SPEC", "Scorer"]

INPUT_SPEC = {
    name: tf.TensorSpec([None, None], tf.int32) for name in ("token_ids", "segment_ids", "padding_mask")
}
"""The network's inputs, each int32 [batch, seq_len]."""


class Scorer:
    """Scores rows of token ids with a network, in the network's own precision."""

    def __init__(
        self, network: keras.Model, heads: Sequence[Head], calibration: Calibration | None = None
    ) -> None:
        """`network` gives the logits of `heads`, which `calibration` is applied to before scores are made of them."""
        self._heads = tuple(heads)
        self._calibration = calibration
        self._width = network.output.shape[-1]
        self._logits = tf.function(
            lambda inputs: network(inputs, training=False), input_signature=[INPUT_SPEC], autograph=False
        )

    def scores(
        self,
        rows: Sequence[NDArray[np.int32]],
        *,
        segments: Sequence[NDArray[np.int32]] | None = None,
        batch_size: int,
    ) -> NDArray[np.float32]:
        """Returns the score of every output for every row, float32 [rows, outputs]; arguments as for `logits`."""
        return self.to_scores(self.logits(rows, segments=segments, batch_size=batch_size))

    def to_scores(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """The heads' activations: float32 [rows, logits] to float32 [rows, outputs]."""
        scores: NDArray[np.float32] = scores_of(self._heads, tf.constant(logits), self._calibration).numpy()
        return scores

    def logits(
        self,
        rows: Sequence[NDArray[np.int32]],
        *,
        segments: Sequence[NDArray[np.int32]] | None = None,
        batch_size: int,
    ) -> NDArray[np.float32]:
        """Returns the network's logits of every row, float32 [rows, logits], in the order of the rows.

        Rows are computed in the order of their length, so that little is padded.

        Args:
            rows: the token ids of each row.
            segments: the segment ids of each row; None for 0.
            batch_size: rows computed at a time.
        """
        found = np.zeros((len(rows), self._width), np.float32)
        by_length = np.argsort([len(row) for row in rows], kind="stable")
        for start in range(0, len(rows), batch_size):
            chosen = by_length[start : start + batch_size]
            own = None if segments is None else [segments[index] for index in chosen]
            found[chosen] = self._logits(pad_tokens([rows[index] for index in chosen], own)).numpy()
        return found
