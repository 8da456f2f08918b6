"""Tokenized examples in memory, and the length-bucketed batches that training draws from them.

Token ids are small: a million texts of 20 tokens take 80 MB. Reading them once and slicing arrays is simpler than an
input pipeline, costs no time in the training step, and makes the order a function of seed and epoch alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.core import features
from components.core.artifacts import TransformedExamples
from components.core.errors import StageError
from components.data.example_proto import decode_example
from components.data.tfrecord import read_records

__all__ = ["Batch", "TokenDataset", "pad_tokens", "read_split"]

_WINDOW_BATCHES = 64
"""Batches sorted by length together: enough that a batch's texts are of like length, few enough to stay random."""


@dataclass(frozen=True)
class Batch:
    """One step's examples.

    Attributes:
        inputs: the network's inputs, each int32 [rows, longest].
        targets: float32 [rows, labels], 1 = the label applies.
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
        targets: uint8 [rows, labels].
        weights: float32 [rows].
    """

    tokens: NDArray[np.int32]
    starts: NDArray[np.int64]
    targets: NDArray[np.uint8]
    weights: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens by row, int64 [rows]."""
        return np.diff(self.starts)

    def label_log_odds(self) -> NDArray[np.float32]:
        """The logits of the labels' weighted frequencies, float32 [labels]: where an untrained head should start.

        Without them the first hundred steps only teach that most labels are rare.
        """
        shares = np.average(self.targets, axis=0, weights=self.weights.astype(np.float64))
        positives = shares * len(self)
        log_odds: NDArray[np.float64] = np.log((positives + 1) / (len(self) - positives + 1))
        return log_odds.astype(np.float32)

    def rows(self) -> list[NDArray[np.int32]]:
        """The token ids of each row."""
        return np.split(self.tokens, self.starts[1:-1]) if len(self) else []

    def batch(self, rows: NDArray[np.int64]) -> Batch:
        """Pads the given rows to the longest of them."""
        tokens = [self.tokens[self.starts[row] : self.starts[row + 1]] for row in rows]
        return Batch(pad_tokens(tokens), self.targets[rows].astype(np.float32), self.weights[rows])

    def training_batches(self, batch_size: int, *, seed: int, epoch: int) -> Iterator[Batch]:
        """Yields every row once, in batches of texts of like length; the order depends on `seed` and `epoch` alone.

        The shuffled rows are cut into windows, each window is sorted by length and cut into batches, and the batches
        are shuffled again, so that no step of the schedule sees only short texts.
        """
        random = np.random.default_rng((seed, epoch))
        shuffled = random.permutation(len(self))
        lengths = self.lengths
        batches: list[NDArray[np.int64]] = []
        for start in range(0, len(shuffled), batch_size * _WINDOW_BATCHES):
            window = shuffled[start : start + batch_size * _WINDOW_BATCHES]
            by_length = window[np.argsort(lengths[window], kind="stable")]
            batches.extend(
                by_length[first : first + batch_size] for first in range(0, len(by_length), batch_size)
            )
        for position in random.permutation(len(batches)):
            yield self.batch(batches[position])

    def batches_per_epoch(self, batch_size: int) -> int:
        """The number of batches that `training_batches` yields."""
        return -(-len(self) // batch_size)


def pad_tokens(rows: Sequence[NDArray[np.int32]]) -> dict[str, NDArray[np.int32]]:
    """Pads rows of token ids with 0 to the longest: the network's inputs, each int32 [rows, longest]."""
    lengths = np.array([len(row) for row in rows], np.int64)
    is_token = np.arange(lengths.max(initial=0)) < lengths[:, None]
    token_ids = np.zeros(is_token.shape, np.int32)
    if len(rows):
        token_ids[is_token] = np.concatenate(rows)
    return {
        "token_ids": token_ids,
        "segment_ids": np.zeros_like(token_ids),
        "padding_mask": is_token.astype(np.int32),
    }


def read_split(transformed: TransformedExamples, split: str, *, label_count: int) -> TokenDataset:
    """Reads a split into memory.

    Raises:
        StageError: a shard is corrupt, or not as many rows are there as were written.
    """
    tokens: list[NDArray[np.int32]] = []
    label_ids: list[list[int]] = []
    weights: list[float] = []
    for shard in transformed.shards(split):
        for record in read_records(shard):
            example = decode_example(record)
            tokens.append(np.array(example[features.TOKEN_IDS], np.int32))
            label_ids.append(example[features.LABEL_IDS])
            weights.append(example[features.WEIGHT][0])
    expected = transformed.summary()["splits"][split]["rows"]
    if len(tokens) != expected:
        raise StageError(
            f"split {split}: {expected} rows were written but {len(tokens)} read; run Transform again"
        )
    targets = np.zeros((len(tokens), label_count), np.uint8)
    for row, positions in enumerate(label_ids):
        targets[row, positions] = 1
    return TokenDataset(
        tokens=np.concatenate(tokens) if tokens else np.zeros(0, np.int32),
        starts=np.cumsum([0, *(len(row) for row in tokens)], dtype=np.int64),
        targets=targets,
        weights=np.array(weights, np.float32),
    )
