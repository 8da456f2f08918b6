"""TensorBoard's projector: where the encoder puts the validation texts."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from tensorboard.plugins.projector import visualize_embeddings
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from components.modeling.dataset import TokenDataset
from components.modeling.heads import Head, output_names
from components.modeling.text_vectors import row_vectors

__all__ = ["write_projector"]

_SPECIAL = ("[CLS]", "[SEP]", "[PAD]")


def write_projector(
    directory: Path,
    network: keras.Model,
    dataset: TokenDataset,
    *,
    heads: Sequence[Head],
    vocabulary: Sequence[str],
    limit: int,
) -> None:
    """Writes vectors, texts and labels of the first `limit` rows for TensorBoard, in its own formats.

    ```
    projector_config.pbtxt
    vectors.tsv                             a vector a line
    metadata.tsv                            text, and what is known of it
    ```

    Args:
        directory: of the event files.
        network: as trained.
        dataset: the validation split.
        heads: what the columns of the targets are.
        vocabulary: tokens by id.
        limit: the most rows.
    """
    rows = dataset.rows()[:limit]
    segments = dataset.segment_rows()
    own = None if segments is None else segments[:limit]
    vectors = row_vectors(network, rows, segments=own)
    np.savetxt(directory / "vectors.tsv", vectors, fmt="%.6g", delimiter="\t")
    names = output_names(heads)
    lines = ["text\tlabels"]
    for row, targets in zip(rows, dataset.targets[:limit], strict=True):
        lines.append(f"{_text(row, vocabulary)}\t{_labels(targets, names)}")
    (directory / "metadata.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    config = ProjectorConfig()
    config.embeddings.add(
        tensor_name="validation texts", tensor_path="vectors.tsv", metadata_path="metadata.tsv"
    )
    visualize_embeddings(str(directory), config)


def _text(row: NDArray[np.int32], vocabulary: Sequence[str]) -> str:
    words = " ".join(vocabulary[token] for token in row if vocabulary[token] not in _SPECIAL)
    return words.replace(" ##", "")


def _labels(targets: NDArray[np.float32], names: Sequence[str]) -> str:
    """Names of what applies; numbers that are no 0 or 1 with their value."""
    return ", ".join(
        name if value == 1 else f"{name} {value:.3g}"
        for name, value in zip(names, targets, strict=True)
        if not np.isnan(value) and value != 0
    )
