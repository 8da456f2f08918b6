"""TensorBoard's event files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import api
from tensorboard.plugins.pr_curve import metadata as pr_curve_metadata

from components.modeling.training.tracking.tracker import Image, Parameters, PrCurve

__all__ = ["TensorBoardTracker"]


class TensorBoardTracker:
    """Writes into one event file."""

    def __init__(self, directory: Path) -> None:
        """Opens an event file in `directory`."""
        self._writer = tf.summary.create_file_writer(str(directory))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        with self._writer.as_default(step):
            for name, value in values.items():
                tf.summary.scalar(name, value)

    def parameters(self, values: Parameters) -> None:
        with self._writer.as_default():
            api.hparams(dict(values))

    def image(self, step: int, name: str, image: Image) -> None:
        with self._writer.as_default(step):
            tf.summary.image(name, image[np.newaxis])

    def pr_curves(self, step: int, curves: Sequence[PrCurve]) -> None:
        """Writes what the plugin's own helper, which is TensorFlow 1 only, would write."""
        with self._writer.as_default(step):
            for curve in curves:
                rows = (
                    curve.true_positives,
                    curve.false_positives,
                    curve.negatives - curve.false_positives,
                    curve.positives - curve.true_positives,
                    curve.precision,
                    curve.recall,
                )
                tag = f"pr_curves/{curve.label}"
                metadata = pr_curve_metadata.create_summary_metadata(curve.label, "", len(curve.thresholds))
                tf.summary.write(
                    tag,
                    tf.constant(np.stack(rows), tf.float32),
                    metadata=tf.compat.v1.SummaryMetadata.FromString(metadata.SerializeToString()),
                )

    def document(self, name: str, content: Mapping[str, Any]) -> None:
        """Does nothing: TensorBoard has no place for files, and the model's are near."""

    def flush(self) -> None:
        """Writes out what is still in memory."""
        self._writer.flush()

    def close(self, *, failed: bool) -> None:  # noqa: ARG002 - a file does not say how its run ended
        self._writer.close()
