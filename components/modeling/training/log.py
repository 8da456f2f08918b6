"""The curves of a training, as TensorBoard shows them."""

from pathlib import Path

import tensorflow as tf

__all__ = ["TrainingLog"]


class TrainingLog:
    """Writes scalars into an event file, for use in a `with` block."""

    def __init__(self, directory: Path) -> None:
        """Opens an event file in `directory`."""
        self.directory = directory
        self._writer = tf.summary.create_file_writer(str(directory))

    def write(self, step: int, **scalars: float) -> None:
        """Adds a point to each named curve at a step number."""
        with self._writer.as_default():
            for name, value in scalars.items():
                tf.summary.scalar(name, value, step=step)

    def flush(self) -> None:
        """Writes out what is still in memory."""
        self._writer.flush()

    def __enter__(self) -> "TrainingLog":
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.close()
