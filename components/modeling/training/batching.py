"""Which examples make which step: batches of texts of like length, in an order that seed and epoch alone decide.

So a training that was stopped finds its next batch again by its number, and nothing of the order need be saved.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from components.core.errors import ConfigError
from components.modeling.dataset import Batch, TokenDataset
from components.modeling.training.batching_config import BatchingConfig, PadTo

__all__ = ["Augment", "Batches", "Step"]

_WINDOW_BATCHES = 64
"""Batches sorted by length together: enough that a batch's texts are of like length, few enough to stay random."""

Augment: TypeAlias = Callable[[Batch, np.random.Generator], Batch]
"""Changes a batch at random; the generator is the only randomness it may use, or a resumed training would differ."""


@dataclass(frozen=True)
class Step:
    """What one update of the weights is computed from.

    The mean over the parts of the mean over a part's rows of loss x weight is the mean over all examples of the step:
    weights of parts that are smaller than others, or filled with blank rows, are scaled for it.

    Attributes:
        parts: a batch for each round of gradient accumulation and each replica, the replicas of a round together.
        examples: rows without blank ones, in all parts.
        tokens: without padding, in all parts.
    """

    parts: tuple[Batch, ...]
    examples: int
    tokens: int


class Batches:
    """Draws steps from a data set.

    Every step takes the rows of one global batch, `batch_size` (or a budget of tokens) x `replicas` x
    `gradient_accumulation`, and deals them out to its parts.
    """

    def __init__(
        self,
        dataset: TokenDataset,
        config: BatchingConfig,
        *,
        batch_size: int,
        seed: int,
        replicas: int = 1,
        augment: Augment | None = None,
    ) -> None:
        """Prepares the batches.

        Args:
            dataset: the training split.
            config: the shape of batches.
            batch_size: texts of a part, where `config` has no budget of tokens.
            seed: of the order.
            replicas: devices that share a step.
            augment: changes every part.

        Raises:
            ConfigError: a text is longer than the longest length to pad to.
        """
        self._dataset = dataset
        self._config = config
        self._batch_size = batch_size
        self._seed = seed
        self._parts = replicas * config.gradient_accumulation
        self._augment = augment
        self._lengths = _padded(dataset.lengths, config.pad_to)
        self._window = self._parts * self._rows_per_part(math.ceil(self._lengths.mean())) * _WINDOW_BATCHES

    def steps(self, epoch: int) -> int:
        """The number of steps of an epoch; under a budget or bound of tokens, epochs differ by a few."""
        return len(self.plan(epoch))

    def epoch(self, number: int, *, start: int = 0) -> Iterator[Step]:
        """Yields the steps of an epoch in their order, without the first `start`."""
        for position, rows in enumerate(self.plan(number)[start:], start=start):
            yield self._step(rows, (self._seed, number, position))

    def plan(self, epoch: int) -> list[NDArray[np.int64]]:
        """The rows of every step of an epoch.

        The shuffled rows are cut into windows, each window is sorted by length and cut into global batches, and these
        are shuffled again, so that no part of the schedule sees only short texts.
        """
        random = np.random.default_rng((self._seed, epoch))
        shuffled = random.permutation(len(self._dataset))
        batches: list[NDArray[np.int64]] = []
        for start in range(0, len(shuffled), self._window):
            window = shuffled[start : start + self._window]
            batches += self._cut(window[np.argsort(-self._lengths[window], kind="stable")])
        return [batches[position] for position in random.permutation(len(batches))]

    def _cut(self, rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """Global batches of rows that stand in the order of their length, the longest first."""
        start = 0
        while start < len(rows):
            full = self._parts * self._rows_per_part(self._lengths[rows[start]])
            batch = rows[start : start + full]
            if len(batch) == full or self._config.last_batch != "drop":
                yield batch
            start += full

    def _rows_per_part(self, length: int) -> int:
        budget, bound = self._config.max_tokens_per_batch, self._config.long_batch_tokens
        rows = self._batch_size if budget is None else budget // int(length)
        return max(1, rows if bound is None else min(rows, bound // int(length)))

    def _step(self, rows: NDArray[np.int64], key: tuple[int, int, int]) -> Step:
        length = int(self._lengths[rows[0]])
        size = self._rows_per_part(length) if self._config.last_batch == "pad" else 1
        parts = [self._part(rows, number, size, length) for number in range(self._parts)]
        if self._augment is not None:
            parts = [
                self._augment(part, np.random.default_rng((*key, number)))
                for number, part in enumerate(parts)
            ]
        return Step(tuple(parts), examples=len(rows), tokens=int(self._dataset.lengths[rows].sum()))

    def _part(self, rows: NDArray[np.int64], number: int, size: int, length: int) -> Batch:
        """Every `parts`th row from the `number`th on, filled up to `size` with blank rows."""
        own = rows[number :: self._parts]
        blank = np.full(max(size - len(own), 0), rows[0])
        batch = self._dataset.batch(np.concatenate([own, blank]), length=length)
        weights = batch.weights * np.float32(len(batch.weights) * self._parts / len(rows))
        weights[len(own) :] = 0
        return replace(batch, weights=weights)


def _padded(lengths: NDArray[np.int64], pad_to: PadTo) -> NDArray[np.int64]:
    """The padded lengths of texts of these lengths."""
    if pad_to == "longest":
        return lengths
    if isinstance(pad_to, int):
        return -(-lengths // pad_to) * pad_to
    allowed = np.array(pad_to, np.int64)
    if len(lengths) and lengths.max() > allowed[-1]:
        raise ConfigError(
            f"trainer.batching.pad_to: the longest text has {lengths.max()} tokens, but texts are padded to "
            f"{allowed[-1]} at most; add a length to the list, or lower transform.max_tokens"
        )
    return allowed[np.searchsorted(allowed, lengths)]
