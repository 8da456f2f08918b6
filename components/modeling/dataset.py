"""Tokenized examples in memory.

Token ids are small: a million texts of 20 tokens take 80 MB. Reading them once and slicing arrays is simpler than an
input pipeline, costs no time in the training step, and makes the order a function of seed and epoch alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.core.artifacts import TransformedExamples
from components.core.errors import StageError
from components.modeling.heads import Head, arrange_targets
from components.modeling.transformed_records import read_transformed

__all__ = ["Batch", "TokenDataset", "pad_tokens", "read_split"]


@dataclass(frozen=True)
class Batch:
    """One step's examples.

    Attributes:
        inputs: the network's inputs, each int32 [rows, longest].
        targets: float32 [rows, outputs]; 1 = the label applies, a number for regression, NaN = unknown. Where there are
            teachers, float32 [rows, 2 x outputs]: then come their answers.
        weights: float32 [rows], weight in the loss.
    """

    inputs: Mapping[str, NDArray[np.int32]]
    targets: NDArray[np.float32]
    weights: NDArray[np.float32]


@dataclass(frozen=True)
class TokenDataset:
    """The rows of one split.

    Attributes:
        tokens: int32 [tokens], the token ids of all rows end to end.
        starts: int64 [rows + 1], where each row starts in `tokens`.
        targets: float32 [rows, outputs], as in `Batch`.
        weights: float32 [rows].
        segments: int32 [tokens], the segment of each token, 0 or 1; None where texts stand alone.
        answers: float32 [rows, outputs], what teachers say of each row; None without teachers.
    """

    tokens: NDArray[np.int32]
    starts: NDArray[np.int64]
    targets: NDArray[np.float32]
    weights: NDArray[np.float32]
    segments: NDArray[np.int32] | None = None
    answers: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens by row, int64 [rows]."""
        return np.diff(self.starts)

    def rows(self) -> list[NDArray[np.int32]]:
        """The token ids of each row."""
        return self._split(self.tokens)

    def segment_rows(self) -> list[NDArray[np.int32]] | None:
        """The segment ids of each row; None where texts stand alone."""
        return None if self.segments is None else self._split(self.segments)

    def batch(self, rows: NDArray[np.int64], *, length: int = 0) -> Batch:
        """Pads the given rows to the longest of them, or to `length` if that is more."""
        spans = [slice(self.starts[row], self.starts[row + 1]) for row in rows]
        segments = None if self.segments is None else [self.segments[span] for span in spans]
        inputs = pad_tokens([self.tokens[span] for span in spans], segments, length=length)
        targets = self.targets[rows]
        if self.answers is not None:
            targets = np.concatenate([targets, self.answers[rows]], axis=1)
        return Batch(inputs, targets, self.weights[rows])

    def sample(self, share: float, *, seed: int) -> "TokenDataset":
        """A share (0-1, at least one row) of the rows, drawn without replacement; itself if all are asked for."""
        if share >= 1:
            return self
        count = max(1, round(share * len(self)))
        rows = np.sort(np.random.default_rng(seed).permutation(len(self))[:count])
        is_chosen = np.repeat(np.isin(np.arange(len(self)), rows), self.lengths)
        return replace(
            self,
            tokens=self.tokens[is_chosen],
            starts=np.concatenate([[0], np.cumsum(self.lengths[rows])]).astype(np.int64),
            targets=self.targets[rows],
            weights=self.weights[rows],
            segments=None if self.segments is None else self.segments[is_chosen],
            answers=None if self.answers is None else self.answers[rows],
        )

    def _split(self, values: NDArray[np.int32]) -> list[NDArray[np.int32]]:
        return np.split(values, self.starts[1:-1]) if len(self) else []


def pad_tokens(
    rows: Sequence[NDArray[np.int32]],
    segments: Sequence[NDArray[np.int32]] | None = None,
    *,
    length: int = 0,
) -> dict[str, NDArray[np.int32]]:
    """Pads rows of token ids, and of segment ids if there are any, with 0 to the longest, or to `length` if that is
    more.

    Returns:
        The network's inputs, each int32 [rows, longest].
    """
    lengths = np.array([len(row) for row in rows], np.int64)
    is_token = np.arange(lengths.max(initial=length)) < lengths[:, None]
    token_ids = np.zeros(is_token.shape, np.int32)
    segment_ids = np.zeros_like(token_ids)
    if len(rows):
        token_ids[is_token] = np.concatenate(rows)
        if segments is not None:
            segment_ids[is_token] = np.concatenate(segments)
    return {
        "token_ids": token_ids,
        "segment_ids": segment_ids,
        "padding_mask": is_token.astype(np.int32),
    }


def read_split(
    transformed: TransformedExamples,
    split: str,
    *,
    labels: Sequence[str],
    targets: Sequence[str] = (),
    heads: Sequence[Head],
) -> TokenDataset:
    """Reads a split into memory.

    Args:
        transformed: what Transform wrote.
        split: name of the split.
        labels: names in the order of the label list that Transform used.
        targets: names of the columns of numbers, likewise.
        heads: of the model: what the columns of `targets` are.

    Raises:
        DataError: the data do not have what the heads need.
        StageError: a shard is corrupt, or not as many rows are there as were written.
    """
    batches = [batch for shard in transformed.shards(split) for batch in read_transformed(shard)]
    weights = _join([batch.weights for batch in batches], np.float32)
    expected = transformed.summary()["splits"][split]["rows"]
    if len(weights) != expected:
        raise StageError(
            f"split {split}: {expected} rows were written but {len(weights)} read; run Transform again"
        )
    marks = np.zeros((len(weights), len(labels)), np.uint8)
    rows = np.repeat(np.arange(len(weights)), _join([batch.label_counts for batch in batches], np.int64))
    marks[rows, _join([batch.label_ids for batch in batches], np.int64)] = 1
    positions = {label: position for position, label in enumerate(labels)}
    numbers = np.concatenate([np.zeros((0, len(targets)), np.float32), *(batch.targets for batch in batches)])
    segments = _join([batch.segment_ids for batch in batches], np.int32)
    lengths = _join([batch.lengths for batch in batches], np.int64)
    return TokenDataset(
        tokens=_join([batch.token_ids for batch in batches], np.int32),
        starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        targets=arrange_targets(heads, positions, marks, dict(zip(targets, numbers.T, strict=True))),
        weights=weights,
        segments=segments if len(segments) else None,
    )


def _join(arrays: Sequence[NDArray[Any]], dtype: type) -> NDArray[Any]:
    return np.concatenate([np.zeros(0, dtype), *arrays]).astype(dtype, copy=False)
