"""Changes of the training texts, on token ids: word dropout, deletion and swaps."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from components.core.errors import ConfigError
from components.modeling.dataset import Batch
from components.modeling.training.regularization.settings import AugmentationSettings
from tflite.host_tokenizer import TokenizerSpec

__all__ = ["Augmentation"]

_FIXED = ("[PAD]", "[CLS]", "[SEP]")


class Augmentation:
    """Changes words of a batch at random.

    A word is a token with the `##` pieces that follow it. Word dropout ("Deep Unordered Composition Rivals Syntactic
    Methods", Iyyer et al., 2015, section 3.2) puts one token, [MASK] or [UNK], in the place of every piece. Deletion
    and swaps are the operations of "EDA: Easy Data Augmentation Techniques" (Wei and Zou, 2019) that need no
    dictionary. No operation takes the last word of a text's segment, or moves a word into another segment.
    """

    def __init__(self, settings: AugmentationSettings, tokenizer: TokenizerSpec) -> None:
        """Looks up the pieces.

        Raises:
            ConfigError: the vocabulary has no [MASK], and words shall become that.
        """
        self._settings = settings
        self._is_piece = np.array([token.startswith("##") for token in tokenizer.vocabulary])
        self._is_fixed = np.isin(
            np.arange(len(tokenizer.vocabulary)), [tokenizer.id_by_token[token] for token in _FIXED]
        )
        drop_token = f"[{settings.drop_token.upper()}]"
        if settings.drop and drop_token not in tokenizer.id_by_token:
            raise ConfigError(
                f"regularization.augmentation: the encoder's vocabulary has no {drop_token}; set drop_token to unk"
            )
        self._drop_id = tokenizer.id_by_token.get(drop_token, tokenizer.unknown_id)

    def __call__(self, batch: Batch, random: np.random.Generator) -> Batch:
        """A changed copy, as wide as the batch: what is deleted becomes padding at the end.

        The generator is all it depends on: made from seed, epoch and step, a resumed training sees the same words.
        """
        token_ids, is_token = batch.inputs["token_ids"].copy(), batch.inputs["padding_mask"] == 1
        words = _Words(batch, is_piece=self._is_piece, is_fixed=self._is_fixed)
        settings = self._settings
        if settings.drop:
            token_ids[words.tokens_of(words.choose(settings.drop, random))] = self._drop_id
        if settings.delete:
            is_token &= ~words.tokens_of(words.choose(settings.delete, random))
        places = words.swapped(settings.swap, random) if settings.swap else words.places()
        inputs = {**batch.inputs, "token_ids": token_ids, "padding_mask": is_token.astype(np.int32)}
        return replace(batch, inputs=_rearranged(inputs, places, is_token))


class _Words:
    """Where the words of a batch are.

    Attributes:
        _word: int64 [rows, seq_len], the number of each token's word, from 0 over the whole batch; -1 for [CLS], [SEP]
            and padding.
        _starts: int64 [words], the column of a word's first token.
        _group: int64 [words], the row and segment of a word as one number; ascending.
    """

    def __init__(self, batch: Batch, *, is_piece: NDArray[np.bool_], is_fixed: NDArray[np.bool_]) -> None:
        token_ids = batch.inputs["token_ids"]
        fixed = is_fixed[token_ids] | (batch.inputs["padding_mask"] == 0)
        follows_fixed = np.ones_like(fixed)
        follows_fixed[:, 1:] = fixed[:, :-1]
        first = ~fixed & (follows_fixed | ~is_piece[token_ids])
        self._word = np.where(fixed, -1, np.cumsum(first).reshape(first.shape) - 1)
        rows, self._starts = np.nonzero(first)
        self._group = 2 * rows + batch.inputs["segment_ids"][first]

    def choose(self, share: float, random: np.random.Generator) -> NDArray[np.bool_]:
        """Draws words with a probability, bool [words]; none where all words of a segment would be drawn."""
        chosen = random.random(len(self._group)) < share
        left = np.bincount(self._group, weights=~chosen)
        drawn: NDArray[np.bool_] = chosen & (left[self._group] > 0)
        return drawn

    def tokens_of(self, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """All pieces of the chosen words, bool [rows, seq_len]."""
        return np.append(chosen, False)[self._word]

    def places(self, starts: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """By what the tokens of a row are sorted, int64 [rows, seq_len]: the column where their word starts."""
        own = np.broadcast_to(np.arange(self._word.shape[1]), self._word.shape)
        return np.where(
            self._word < 0, own, np.append(self._starts if starts is None else starts, 0)[self._word]
        )

    def swapped(self, share: float, random: np.random.Generator) -> NDArray[np.int64]:
        """The places where words, drawn with a probability, each take that of another drawn one of their segment."""
        drawn = np.flatnonzero(random.random(len(self._group)) < share)
        order = drawn[np.lexsort((random.random(len(drawn)), self._group[drawn]))]
        groups = self._group[order]
        following = np.arange(1, len(order) + 1)
        first_of_group = np.searchsorted(groups, groups)
        ends = np.flatnonzero(np.append(groups[1:] != groups[:-1], True)[: len(order)])
        following[ends] = first_of_group[ends]
        starts = self._starts.copy()
        starts[order] = self._starts[order[following]]
        return self.places(starts)


def _rearranged(
    inputs: dict[str, NDArray[np.int32]], places: NDArray[np.int64], is_token: NDArray[np.bool_]
) -> dict[str, NDArray[np.int32]]:
    """The inputs with each row's tokens in the order of their places, and 0 behind them."""
    width = is_token.shape[1]
    order = np.argsort(np.where(is_token, places, width), axis=1, kind="stable")
    return {
        name: np.take_along_axis(np.where(is_token, values, 0), order, axis=1)
        for name, values in inputs.items()
    }
