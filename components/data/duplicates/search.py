"""The Beam pipeline that looks for nearly equal texts: its elements are LSH bands."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.data.beam.beam_pipeline import collect
from components.data.beam.exchange import Exchange
from components.data.duplicates.pairs import near_pairs
from components.data.duplicates.signatures import BANDS

__all__ = ["find_near_pairs"]

_ELEMENTS = 4
"""Each element reads the words of all rows once and skips what its earlier bands have linked: few are cheaper in all,
many could use more workers."""


def find_near_pairs(
    directory: Path, names: Sequence[str], exchange: Exchange, *, min_similarity: float, min_words: int
) -> NDArray[np.int64]:
    """Pairs of rows that connect every group of nearly equal texts, int64 [pairs, 2].

    Args:
        directory: where the signatures of all parts are.
        names: the parts, in order.
        exchange: on which they were written or sent.
        min_similarity: smallest similarity (0-1) of a pair (`components.data.duplicates.pairs.similarity`).
        min_words: shorter texts are left out.

    Raises:
        StageError: the pipeline failed.
    """

    def compare(bands: Sequence[int]) -> NDArray[np.int64]:
        with exchange.reading(directory, only=("*.npz", "*.npy")) as local:
            stems = [local / name for name in names]
            return near_pairs(stems, bands, min_similarity=min_similarity, min_words=min_words)

    def build(pipeline: Any) -> Any:
        import apache_beam as beam

        shares = [tuple(range(first, BANDS, _ELEMENTS)) for first in range(_ELEMENTS)]
        return pipeline | "Bands" >> beam.Create(shares) | "Compare" >> beam.Map(compare)

    return np.unique(np.concatenate(collect(build, expected=_ELEMENTS)), axis=0)
